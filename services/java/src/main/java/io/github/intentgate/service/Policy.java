package io.github.intentgate.service;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Parser;
import io.github.intentgate.v1.CallRef;
import io.github.intentgate.v1.Caller;
import io.github.intentgate.v1.Platform;
import io.grpc.Metadata;
import io.grpc.Status;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * Decides which calls a server accepts, by the names in the peer's verified certificate. Without names: none. Metadata is believed
 * because of who sent it and for no other reason.
 *
 * @param allowed peers that may call on their own account, without any metadata whose key begins with {@code intentgate-}
 * @param asserting peers that may besides say for which agent they call: the gateway, and services that pass a caller on
 * @param tokens has callers count only with a token of the gateway's; null: they count without. Health and reflection need none.
 * @param methods says who may call what; null: whoever may call may call all. Health and reflection obey the other two alone.
 */
record Policy(Set<String> allowed, Set<String> asserting, TokenPolicy tokens, Methods methods) {
  /** What every server has, and whoever may call at all may ask. */
  private static final Set<String> OPEN =
      Set.of("grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection");

  /** Returns the call of a method, such as shop.orders.v1.OrderService/TrackOrder, by a peer whose certificate was verified. */
  Call judge(Peer peer, String method, Metadata metadata) throws NotAccepted {
    boolean open = OPEN.contains(Methods.service(method));
    boolean asserts = Names.listed(peer.names(), asserting);
    Call call;
    if (asserts || tokens != null && tokens.forwards(peer, metadata)) {
      call = decode(peer, metadata);
      if (tokens != null && !open) {
        tokens.judge(call, metadata, asserts, Methods.service(method));
      }
    } else {
      call = own(peer, metadata);
    }
    if (methods != null && !open) {
      methods.judge(method, call);
    }
    return call;
  }

  /** Returns the call that a peer makes which may call for itself alone. */
  private Call own(Peer peer, Metadata metadata) throws NotAccepted {
    String saw = "a certificate with the names " + peer.names();
    if (!Names.listed(peer.names(), allowed)) {
      Set<String> wanted = new TreeSet<>(allowed);
      wanted.addAll(asserting);
      throw new NotAccepted(Status.Code.PERMISSION_DENIED, "not_allowed", saw, "one of " + wanted);
    }
    for (String key : metadata.keys()) {
      if (key.startsWith(CallerMetadata.PREFIX)) {
        throw new NotAccepted(
            Status.Code.PERMISSION_DENIED, "may_not_assert", "metadata " + key + " from " + saw, "it only from one of " + asserting);
      }
    }
    return Call.direct(peer);
  }

  /**
   * Reads what an asserting peer says. The three keys come together, or none does and the call is a direct one. A key of the
   * gateway's that is not known here is a newer gateway's, and tolerated.
   */
  private static Call decode(Peer peer, Metadata metadata) throws NotAccepted {
    for (String key : metadata.keys()) {
      int count = key.startsWith(CallerMetadata.PREFIX) ? count(metadata, key) : 1;
      if (count > 1) {
        throw malformed("duplicate_key", key + " " + count + " times", "each key once");
      }
    }
    byte[] caller = metadata.get(CallerMetadata.CALLER);
    byte[] ref = metadata.get(CallerMetadata.CALL);
    String requestId = metadata.get(CallerMetadata.REQUEST_ID);
    List<String> present = new ArrayList<>();
    note(present, CallerMetadata.CALLER, caller, CallerMetadata.MAX_CALLER);
    note(present, CallerMetadata.CALL, ref, CallerMetadata.MAX_CALL);
    note(present, CallerMetadata.REQUEST_ID, requestId == null ? null : requestId.getBytes(StandardCharsets.UTF_8),
        CallerMetadata.MAX_REQUEST_ID);
    if (present.isEmpty()) {
      return Call.direct(peer);
    } else if (present.size() < 3) {
      throw malformed("incomplete", "only " + present, "all three keys or none");
    }
    Call call = new Call(
        peer, parse(CallerMetadata.CALLER, Caller.parser(), caller), parse(CallerMetadata.CALL, CallRef.parser(), ref), requestId,
        new Call.Received(metadata));
    if (call.caller().getPlatformValue() == Platform.PLATFORM_UNSPECIFIED_VALUE) {
      throw malformed(
          "undecodable", CallerMetadata.CALLER.name() + " without a platform", "a caller that says at least its platform");
    }
    if (requestId.isEmpty() || !requestId.equals(call.ref().getRequestId())) {
      throw malformed("request_id_differs",
          "\"" + requestId + "\", and \"" + call.ref().getRequestId() + "\" in the call reference", "the same text in both");
    }
    return call;
  }

  private static void note(List<String> present, Metadata.Key<?> key, byte[] value, int limit) throws NotAccepted {
    if (value == null) {
      return;
    } else if (value.length > limit) {
      throw malformed("too_large", value.length + " bytes of " + key.name(), "at most " + limit);
    }
    present.add(key.name());
  }

  private static int count(Metadata metadata, String key) {
    Iterable<?> values = key.endsWith(Metadata.BINARY_HEADER_SUFFIX)
        ? metadata.getAll(Metadata.Key.of(key, Metadata.BINARY_BYTE_MARSHALLER))
        : metadata.getAll(Metadata.Key.of(key, Metadata.ASCII_STRING_MARSHALLER));
    int count = 0;
    for (Object ignored : values) {
      count++;
    }
    return count;
  }

  private static <M> M parse(Metadata.Key<?> key, Parser<M> parser, byte[] value) throws NotAccepted {
    try {
      return parser.parseFrom(value);
    } catch (InvalidProtocolBufferException e) {
      throw malformed("undecodable", key.name() + ": " + e.getMessage(), "the message of that key");
    }
  }

  private static NotAccepted malformed(String reason, String saw, String wanted) {
    return new NotAccepted(Status.Code.INVALID_ARGUMENT, reason, saw, wanted);
  }
}
