package io.github.intentgate.service;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.Signature;
import java.security.interfaces.ECPublicKey;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Tells whether a token is one that the gateway has signed, for these services, and at its time: a JWT of the type txntoken+jwt, by ES256.
 * Nothing that a token says of itself is read before its signature holds, but the name of the key, and nothing by which it could be used is logged.
 */
final class Verifier {
  static final String MALFORMED = "TOKEN_MALFORMED";
  static final int MAX_VERDICTS = 10_000;

  private static final int MAX_SIZE = 4 << 10; // characters; real ones have a fifth of it
  private static final String TYPE = "txntoken+jwt";
  private static final String ALGORITHM = "ES256";
  private static final int HALF = 32; // bytes of R, and of S
  /** How far the clocks of a gateway and a service may be apart. */
  private static final Duration SKEW = Duration.ofSeconds(30);
  /** Bounds what a token says of its end: a mistake in it is not to last for years. */
  private static final Duration MAX_LIFE = Duration.ofHours(3);

  private final Keys keys;
  private final String trustDomain;
  private final String issuer;
  private final Clock clock;
  private final int most;
  private final Map<ByteBuffer, Verdict> seen = new ConcurrentHashMap<>();

  /** What remains of a token whose signature held. */
  private record Verdict(String keyId, ECPublicKey key, Claims claims) {}

  /** Verifies tokens for a trust domain, by an issuer, or by whoever has the keys where that is empty, and remembers so many. */
  Verifier(Keys keys, String trustDomain, String issuer, Clock clock, int most) {
    this.keys = keys;
    this.trustDomain = trustDomain;
    this.issuer = issuer;
    this.clock = clock;
    this.most = most;
  }

  /**
   * Returns what a token says. Its signature is verified once, as long as its key is known; its time counts each time. Where the key is
   * not known it may wait a moment for the keys to be read anew.
   */
  Claims verify(String token) throws NotAccepted {
    if (token.length() > MAX_SIZE) {
      throw NotAccepted.denied(MALFORMED, token.length() + " bytes", "at most " + MAX_SIZE);
    }
    ByteBuffer digest = ByteBuffer.wrap(sha256(token.getBytes(StandardCharsets.UTF_8)));
    Verdict known = seen.get(digest);
    if (known == null || known.key != keys.get(known.keyId)) {
      known = prove(token);
      judge(known.claims);
      if (seen.size() >= most) {
        seen.clear(); // most have expired, and the others cost one verification more
      }
      seen.put(digest, known);
      return known.claims;
    }
    judge(known.claims);
    return known.claims;
  }

  /** Returns how many tokens are remembered. */
  int remembered() {
    return seen.size();
  }

  static byte[] sha256(byte[] bytes) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(bytes);
    } catch (NoSuchAlgorithmException e) { // every Java has it
      throw new IllegalStateException(e);
    }
  }

  private Verdict prove(String token) throws NotAccepted {
    String[] parts = token.split("\\.", -1);
    if (parts.length != 3) {
      throw NotAccepted.denied(MALFORMED, parts.length + " parts", "a JWT: three parts in base64url");
    }
    byte[][] decoded = new byte[parts.length][];
    for (int i = 0; i < parts.length; i++) {
      decoded[i] = decode(parts[i]);
    }
    String id = keyId(decoded[0]);
    ECPublicKey key = keys.find(id);
    if (key == null) {
      throw NotAccepted.denied("TOKEN_KEY", "kid " + NotAccepted.quoted(id, 64), "one of the gateway's keys");
    }
    String signed = token.substring(0, token.lastIndexOf('.'));
    if (!holds(decoded[2], signed.getBytes(StandardCharsets.US_ASCII), key)) {
      throw NotAccepted.denied(
          "TOKEN_SIGNATURE", "a signature that does not hold, by key " + NotAccepted.quoted(id, 64), "one by that key");
    }
    return new Verdict(id, key, Claims.parse(decoded[1]));
  }

  /** Decodes base64url that is written in the one way that it should be: padding, and bits of no meaning, would give it others. */
  private static byte[] decode(String part) throws NotAccepted {
    try {
      byte[] decoded = Base64.getUrlDecoder().decode(part);
      if (Base64.getUrlEncoder().withoutPadding().encodeToString(decoded).equals(part)) {
        return decoded;
      }
    } catch (IllegalArgumentException e) {
      // Of another alphabet.
    }
    throw NotAccepted.denied(MALFORMED, "a part that is not base64url", "a JWT: three parts in base64url");
  }

  /** Returns the name of the key that a token is signed with. A token must not bring its own, nor demand what nobody here knows. */
  private static String keyId(byte[] header) throws NotAccepted {
    String algorithm;
    String type;
    String id;
    try {
      Map<String, Object> members = Json.object(header);
      if (!Set.of("alg", "typ", "kid").containsAll(members.keySet())) {
        throw new Json.Bad("more than that");
      }
      algorithm = Json.string(members, "alg");
      type = Json.string(members, "typ");
      id = Json.string(members, "kid");
    } catch (Json.Bad e) {
      throw NotAccepted.denied(MALFORMED, "a header that cannot be read", "alg, typ and kid, each once, and nothing else");
    }
    if (!algorithm.equals(ALGORITHM) || !type.equals(TYPE)) {
      throw NotAccepted.denied("TOKEN_ALGORITHM", "alg " + NotAccepted.quoted(algorithm, 32) + " and typ " + NotAccepted.quoted(type, 32),
          "alg " + ALGORITHM + " and typ " + TYPE);
    }
    return id;
  }

  /** Tells whether a signature, R and S, is a key's. */
  static boolean holds(byte[] signature, byte[] signed, ECPublicKey key) {
    // Java before 17.0.3 does not look at the range, and takes zeros for everybody's signature (CVE-2022-21449).
    if (signature.length != 2 * HALF || !inRange(Arrays.copyOf(signature, HALF))
        || !inRange(Arrays.copyOfRange(signature, HALF, signature.length))) {
      return false;
    }
    try {
      Signature ecdsa = Signature.getInstance("SHA256withECDSAinP1363Format");
      ecdsa.initVerify(key);
      ecdsa.update(signed);
      return ecdsa.verify(signature);
    } catch (GeneralSecurityException e) {
      return false;
    }
  }

  /** Tells whether a number is at least 1, and below the order of the curve. */
  static boolean inRange(byte[] half) {
    BigInteger number = new BigInteger(1, half);
    return number.signum() > 0 && number.compareTo(Jwks.P256.getOrder()) < 0;
  }

  /** Compares claims with what is wanted, and with the clock. */
  private void judge(Claims claims) throws NotAccepted {
    Instant now = clock.instant();
    Instant issued = claims.issuedAt();
    Instant expires = claims.expires();
    if (issued.isAfter(now.plus(SKEW)) || now.isAfter(expires.plus(SKEW))
        || Duration.between(issued, expires).compareTo(MAX_LIFE) > 0) {
      throw NotAccepted.denied("TOKEN_EXPIRED", "one from " + issued + " until " + expires,
          "a token of now, " + now + ", that lasts 3h at most");
    } else if (!claims.audience().equals(trustDomain)) {
      throw NotAccepted.denied("TOKEN_AUDIENCE", "aud " + NotAccepted.quoted(claims.audience(), 256), trustDomain);
    } else if (!issuer.isEmpty() && !claims.issuer().equals(issuer)) {
      throw NotAccepted.denied("TOKEN_ISSUER", "iss " + NotAccepted.quoted(claims.issuer(), 256), issuer);
    }
  }
}
