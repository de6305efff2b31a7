package io.github.intentgate.service;

import com.google.gson.JsonObject;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.Signature;
import java.security.interfaces.ECPublicKey;
import java.time.Instant;
import java.util.Base64;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A key of a gateway's, and the tokens that it signs. */
record Signing(String id, KeyPair keys) {
  static final String DOMAIN = "shop.internal";

  static Signing create(String id) {
    return new Signing(id, Authority.keys("secp256r1"));
  }

  String jwk() {
    ECPublicKey key = (ECPublicKey) keys.getPublic();
    return "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"" + id + "\",\"use\":\"sig\",\"alg\":\"ES256\",\"x\":\""
        + coordinate(key.getW().getAffineX()) + "\",\"y\":\"" + coordinate(key.getW().getAffineY()) + "\"}";
  }

  private static String coordinate(BigInteger number) {
    byte[] bytes = new byte[32];
    byte[] digits = number.toByteArray();
    int length = Math.min(digits.length, bytes.length);
    System.arraycopy(digits, digits.length - length, bytes, bytes.length - length, length);
    return base64(bytes);
  }

  static String set(Signing... keys) {
    return "{\"keys\":[" + Stream.of(keys).map(Signing::jwk).collect(Collectors.joining(",")) + "]}";
  }

  /** Writes a set in one step, so that nobody reads half of it. */
  static Path write(Path file, String set) throws java.io.IOException {
    Path fresh = java.nio.file.Files.writeString(file.resolveSibling("fresh"), set);
    return java.nio.file.Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Returns the claims of a token for many turns, from now on, for World's service and its gateway. */
  static JsonObject claims() {
    return claims(Instant.now());
  }

  static JsonObject claims(Instant now) {
    JsonObject claims = new JsonObject();
    claims.addProperty("iss", "https://gateway.internal");
    claims.addProperty("iat", now.getEpochSecond());
    claims.addProperty("exp", now.getEpochSecond() + 95);
    claims.addProperty("jti", "AAECAwQFBgcICQoLDA0ODw");
    claims.addProperty("aud", DOMAIN);
    claims.addProperty("sub", "projects/shop");
    claims.addProperty("req_wl", World.GATEWAY);
    claims.addProperty("target", "intentgate.v1.IntentService");
    return claims;
  }

  String token(JsonObject claims) {
    String input = base64(("{\"alg\":\"ES256\",\"kid\":\"" + id + "\",\"typ\":\"txntoken+jwt\"}").getBytes(StandardCharsets.UTF_8))
        + "." + base64(claims.toString().getBytes(StandardCharsets.UTF_8));
    return input + "." + base64(sign(input));
  }

  byte[] sign(String input) {
    try {
      Signature ecdsa = Signature.getInstance("SHA256withECDSAinP1363Format");
      ecdsa.initSign(keys.getPrivate());
      ecdsa.update(input.getBytes(StandardCharsets.US_ASCII));
      return ecdsa.sign();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  static String base64(byte[] bytes) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }
}
