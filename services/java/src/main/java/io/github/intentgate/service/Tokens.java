package io.github.intentgate.service;

import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Says whose signatures are believed, where callers count only with a token that the gateway has signed.
 *
 * <pre>{@code
 * Tokens.by("https://gateway.internal:9900/.well-known/jwks.json", "shop.internal").forwarding("dns:orders.internal=shop.orders.v1.OrderService")
 * }</pre>
 */
public final class Tokens {
  private String keys = "";
  private String trustDomain = "";
  private String issuer = "";
  private Path ca;
  private final Map<String, Set<String>> forwarders = new TreeMap<>();

  Tokens() {}

  /**
   * Believes the gateway of a trust domain.
   *
   * @param keys where its public keys are: a file, or a URL with {@code https://}. They are read again as they change.
   * @param trustDomain whom tokens are for, as the gateway's configuration says
   */
  public static Tokens by(String keys, String trustDomain) {
    return new Tokens().keys(keys).trustDomain(trustDomain);
  }

  Tokens keys(String source) {
    keys = source;
    return this;
  }

  Tokens trustDomain(String name) {
    trustDomain = name;
    return this;
  }

  /** Names the file of the authorities by which the keys' server is judged; by default it is by those of the callers. */
  public Tokens ca(Path file) {
    ca = file;
    return this;
  }

  /** Says who must have issued them; by default it may be anybody who has the keys. */
  public Tokens issuer(String name) {
    issuer = name;
    return this;
  }

  /**
   * Lets services pass a caller on, each with the gRPC service that the gateway calls it by, such as
   * {@code dns:orders.internal=shop.orders.v1.OrderService}. They need stand in no other list.
   *
   * @throws IllegalArgumentException for what is none, saying what to write
   */
  public Tokens forwarding(String... services) {
    for (String text : services) {
      int equals = text.lastIndexOf('=');
      if (equals < 0 || equals == text.length() - 1 || text.indexOf('/', equals) >= 0) {
        throw new IllegalArgumentException("forwarder \"" + text + "\": want the name of a peer and the gRPC service that the gateway "
            + "calls it by, such as dns:orders.internal=shop.orders.v1.OrderService");
      }
      try {
        forwarders.computeIfAbsent(Names.parse(text.substring(0, equals)), name -> new TreeSet<>()).add(text.substring(equals + 1));
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException("forwarder \"" + text + "\": " + e.getMessage(), e);
      }
    }
    return this;
  }

  boolean hasForwarders() {
    return !forwarders.isEmpty();
  }

  void check() {
    List<String> problems = new ArrayList<>();
    if (keys.isEmpty()) {
      problems.add("the gateway's public keys are missing: want their file or URL (--jwks)");
    }
    if (trustDomain.isEmpty()) {
      problems.add("the trust domain is missing: want that of the gateway's caller_tokens, such as shop.internal (--trust-domain)");
    }
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(String.join("; ", problems));
    }
  }

  /**
   * Tokens in use.
   *
   * @param policy judges calls
   * @param look keeps the keys fresh; it is to be done every second or so
   */
  record Opened(TokenPolicy policy, Runnable look) {}

  /**
   * Reads what there is to read. Keys of a URL are not waited for.
   *
   * @param callers judges the keys' server, unless an authority of its own is named
   * @throws IllegalArgumentException if something is wrong with it
   */
  Opened open(Trust callers, Log log, Clock clock) {
    check();
    Keys known;
    Runnable look;
    try {
      if (keys.contains("://")) {
        Trust trust = ca == null ? callers : new Trust();
        Watched authorities = ca == null ? null : trust.of(ca, log);
        FetchedKeys fetched = new FetchedKeys(keys, trust, log, clock, FetchedKeys.LIMIT, FetchedKeys.PATIENCE);
        if (authorities != null) {
          authorities.read();
        }
        fetched.refresh();
        known = fetched;
        look = () -> {
          if (authorities != null) {
            authorities.reload();
          }
          fetched.refresh();
        };
      } else {
        Path path = Path.of(keys);
        known = new Keys(keys, log);
        Watched file = new Watched(List.of(path), log, contents -> {
          try {
            known.set(contents.get(0));
          } catch (Json.Bad e) {
            throw new Pem.BadFile(path, e.getMessage());
          }
        });
        file.read();
        look = file::reload;
      }
    } catch (Pem.BadFile e) {
      throw new IllegalArgumentException("keys of callers' tokens: " + e.getMessage(), e);
    }
    return new Opened(new TokenPolicy(new Verifier(known, trustDomain, issuer, clock, Verifier.MAX_VERDICTS), forwarders), look);
  }
}
