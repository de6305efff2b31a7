package io.github.intentgate.service;

import java.math.BigInteger;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECFieldFp;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Sets of JSON Web Keys (RFC 7517), as far as tokens need them. */
final class Jwks {
  static final int MAX_DOCUMENT = 64 << 10; // bytes
  static final ECParameterSpec P256 = p256();

  private static final int COORDINATE = 32; // bytes

  private Jwks() {}

  private static ECParameterSpec p256() {
    try {
      AlgorithmParameters parameters = AlgorithmParameters.getInstance("EC");
      parameters.init(new ECGenParameterSpec("secp256r1"));
      return parameters.getParameterSpec(ECParameterSpec.class);
    } catch (GeneralSecurityException e) { // every Java has it
      throw new IllegalStateException(e);
    }
  }

  /**
   * Reads the P-256 keys of a set, by their IDs, of which there must be one at least. Keys of other kinds, for other uses, and private
   * ones are passed over.
   */
  static Map<String, ECPublicKey> parse(byte[] document) throws Json.Bad {
    if (document.length > MAX_DOCUMENT) {
      throw new Json.Bad("more than 64 KiB; want a JWK set");
    }
    Map<String, ECPublicKey> keys = new LinkedHashMap<>();
    if (Json.object(document).get("keys") instanceof List<?> all) {
      for (Object each : all) {
        Map<String, Object> jwk = each instanceof Map<?, ?> ? Json.object("a key", each) : Map.of();
        ECPublicKey key = key(jwk);
        if (key != null && keys.put((String) jwk.get("kid"), key) != null) {
          throw new Json.Bad("two keys are called \"" + jwk.get("kid") + "\"; want each once");
        }
      }
    }
    if (keys.isEmpty()) {
      throw new Json.Bad("no key of the curve P-256 with a kid; want those that `intentgate jwks` prints");
    }
    return keys;
  }

  /** Returns a key, or null for one that is no good for tokens. */
  private static ECPublicKey key(Map<String, Object> jwk) {
    boolean fits = "EC".equals(jwk.get("kty")) && "P-256".equals(jwk.get("crv")) && !jwk.containsKey("d")
        && jwk.get("kid") instanceof String kid && !kid.isEmpty()
        && saysNoOther(jwk.get("use"), "sig") && saysNoOther(jwk.get("alg"), "ES256");
    if (!fits || !(jwk.get("x") instanceof String x) || !(jwk.get("y") instanceof String y)) {
      return null;
    }
    try {
      ECPoint point = new ECPoint(coordinate(x), coordinate(y));
      if (isOnCurve(point)) {
        return (ECPublicKey) KeyFactory.getInstance("EC").generatePublic(new ECPublicKeySpec(point, P256));
      }
    } catch (IllegalArgumentException | GeneralSecurityException e) {
      // One that is damaged is none.
    }
    return null;
  }

  /** Tells whether a member says what is wanted, or nothing. */
  private static boolean saysNoOther(Object value, String wanted) {
    return value == null || value.equals("") || value.equals(wanted);
  }

  private static BigInteger coordinate(String text) {
    byte[] bytes = Base64.getUrlDecoder().decode(text);
    if (bytes.length != COORDINATE) {
      throw new IllegalArgumentException("a coordinate of " + bytes.length + " bytes");
    }
    return new BigInteger(1, bytes);
  }

  /** Tells whether y² = x³ + ax + b, which Java would not look at. */
  private static boolean isOnCurve(ECPoint point) {
    BigInteger p = ((ECFieldFp) P256.getCurve().getField()).getP();
    BigInteger x = point.getAffineX();
    BigInteger y = point.getAffineY();
    BigInteger right = x.pow(3).add(P256.getCurve().getA().multiply(x)).add(P256.getCurve().getB());
    return x.compareTo(p) < 0 && y.compareTo(p) < 0 && y.pow(2).subtract(right).mod(p).signum() == 0;
  }
}
