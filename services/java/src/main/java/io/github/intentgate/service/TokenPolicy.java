package io.github.intentgate.service;

import io.github.intentgate.v1.Caller;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Says when a caller counts: with a token that the gateway has signed, from the connection that it was made for, or from a service that
 * may pass callers on.
 *
 * @param verifier verifies tokens
 * @param forwarders peers that may pass on a caller with the token that came with it, and the gRPC services that the gateway calls them by.
 *     They need stand in no other list.
 */
record TokenPolicy(Verifier verifier, Map<String, Set<String>> forwarders) {
  /** Tells whether a peer passes a caller on, and may as far as lists go. */
  boolean forwards(Peer peer, Metadata metadata) {
    return metadata.containsKey(CallerMetadata.CALLER) && Names.listed(peer.names(), forwarders.keySet());
  }

  /**
   * Refuses a caller that no token vouches for.
   *
   * @param call what came, each key of ours once
   * @param metadata with which it came
   * @param asserting whether the peer is on that list
   * @param service the full name of the one that is called
   */
  void judge(Call call, Metadata metadata, boolean asserting, String service) throws NotAccepted {
    String token = metadata.get(CallerMetadata.TOKEN);
    if (call.direct()) {
      if (token != null) {
        throw new NotAccepted(
            Status.Code.INVALID_ARGUMENT, "incomplete", CallerMetadata.TOKEN.name() + " alone", "a caller that it is for");
      }
      return;
    } else if (token == null) {
      throw NotAccepted.denied("TOKEN_MISSING", "no " + CallerMetadata.TOKEN.name(),
          "one that the gateway has signed: caller_tokens in its configuration");
    }
    Claims claims = verifier.verify(token);
    peer(call.peer(), claims, asserting, service);
    bound(call, metadata.get(CallerMetadata.CALLER), claims);
    subject(call.caller(), claims);
  }

  /** Wants the token from whom it was made for, or from a forwarder. */
  private void peer(Peer peer, Claims claims, boolean asserting, String service) throws NotAccepted {
    String target = "target " + NotAccepted.quoted(claims.target(), 256);
    if (asserting && isWorkload(peer, claims.workload())) {
      if (!claims.target().equals(service)) {
        throw NotAccepted.denied("TOKEN_TARGET", target, service);
      }
      return;
    }
    Set<String> targets = new TreeSet<>();
    forwarders.forEach((name, services) -> {
      if (Names.listed(peer.names(), Set.of(name))) {
        targets.addAll(services);
      }
    });
    if (targets.isEmpty()) {
      throw NotAccepted.denied("TOKEN_PEER", "a token that was made for " + NotAccepted.quoted(claims.workload(), 256),
          "it from that peer, or from a forwarder");
    } else if (!targets.contains(claims.target())) {
      throw NotAccepted.denied("TOKEN_TARGET", target, "one of " + targets + ", from this forwarder");
    } else if (claims.callerHash().isEmpty()) {
      throw NotAccepted.denied("TOKEN_CALLER", "a token for many turns",
          "one that is bound to a caller, from a forwarder: per_turn: ALWAYS in the gateway's configuration");
    }
  }

  private static boolean isWorkload(Peer peer, String name) {
    try {
      return Names.listed(peer.names(), Set.of(Names.parse(name)));
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /** Wants the caller and the turn that the token was made for, where it says so. */
  private static void bound(Call call, byte[] caller, Claims claims) throws NotAccepted {
    String hash = hash(caller);
    if (!claims.callerHash().isEmpty() && !claims.callerHash().equals(hash)) {
      throw NotAccepted.denied("TOKEN_CALLER", "a caller with the hash " + hash, NotAccepted.quoted(claims.callerHash(), 256));
    } else if (!claims.requestId().isEmpty() && !claims.requestId().equals(call.requestId())) {
      throw NotAccepted.denied("TOKEN_TURN", "request id " + NotAccepted.quoted(call.requestId(), 256),
          NotAccepted.quoted(claims.requestId(), 256));
    } else if (!claims.session().isEmpty() && !claims.session().equals(call.ref().getSession())) {
      throw NotAccepted.denied("TOKEN_TURN", "another session", "that of the token");
    }
  }

  /** Returns how a token names the bytes of a caller. */
  static String hash(byte[] caller) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(Verifier.sha256(caller));
  }

  /** Wants the caller's project in the token, where anything proves it. */
  private static void subject(Caller caller, Claims claims) throws NotAccepted {
    List<Caller.Value> values = new ArrayList<>();
    if (caller.hasProjectNumber()) {
      values.add(caller.getProjectNumber());
    }
    if (caller.hasProjectId()) {
      values.add(caller.getProjectId());
    }
    boolean proven = values.stream().anyMatch(value -> value.getProof() != Caller.Proof.PROOF_STATED);
    List<String> names = values.stream().map(value -> "projects/" + value.getValue()).toList();
    if (claims.subject().isEmpty() && proven || !claims.subject().isEmpty() && !names.contains(claims.subject())) {
      throw NotAccepted.denied("TOKEN_SUBJECT", "sub " + NotAccepted.quoted(claims.subject(), 256),
          "one of " + names.stream().map(name -> NotAccepted.quoted(name, 256)).toList());
    }
  }
}
