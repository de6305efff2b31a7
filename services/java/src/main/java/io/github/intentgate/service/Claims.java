package io.github.intentgate.service;

import java.time.Instant;
import java.util.Map;

/**
 * What a token says. What it does not say is empty.
 *
 * @param issuer who has issued it
 * @param issuedAt since when it is good
 * @param expires until when
 * @param audience the trust domain
 * @param subject the project, {@code projects/<number>}, or {@code projects/<ID>} where no number is known; empty where nothing proves it
 * @param workload a name in the gateway's certificate
 * @param target the full name of the gRPC service
 * @param requestId of the turn that it is bound to
 * @param session of the turn that it is bound to
 * @param callerHash of the caller that it is bound to
 */
record Claims(String issuer, Instant issuedAt, Instant expires, String audience, String subject, String workload, String target,
    String requestId, String session, String callerHash) {
  private static final long MAX_SECONDS = 1L << 40; // in the year 36812

  /** Reads a token's payload, once its signature holds. Names that are not known here are a newer gateway's. */
  static Claims parse(byte[] payload) throws NotAccepted {
    try {
      Map<String, Object> claims = Json.object(payload);
      long issued = Json.whole(claims, "iat");
      long expires = Json.whole(claims, "exp");
      if (Math.min(issued, expires) <= 0 || Math.max(issued, expires) > MAX_SECONDS) {
        throw NotAccepted.denied(Verifier.MALFORMED, "iat " + issued + ", exp " + expires, "iat and exp, in seconds since 1970");
      }
      Json.string(claims, "jti");
      return new Claims(Json.string(claims, "iss"), Instant.ofEpochSecond(issued), Instant.ofEpochSecond(expires),
          Json.string(claims, "aud"), Json.string(claims, "sub"), Json.string(claims, "req_wl"), Json.string(claims, "target"),
          Json.string(claims, "txn"), Json.string(claims, "session"), Json.string(claims, "caller_hash"));
    } catch (Json.Bad e) { // whose text might have something of the token
      throw NotAccepted.denied(
          Verifier.MALFORMED, "claims that cannot be read", "a JSON object, each name once, times in whole seconds");
    }
  }
}
