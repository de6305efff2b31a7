package io.github.intentgate.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.grpc.Metadata;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.interfaces.ECPublicKey;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the vectors do not say of the verification of tokens. */
class VerifierTest {
  private static final Instant NOW = Instant.ofEpochSecond(1_795_000_005);

  @TempDir
  Path folder;

  /** A clock that is set by hand. */
  static final class Hand extends Clock {
    volatile Instant now;

    Hand(Instant now) {
      this.now = now;
    }

    @Override
    public Instant instant() {
      return now;
    }

    @Override
    public java.time.ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(java.time.ZoneId zone) {
      return this;
    }
  }

  private static String reason(Verifier verifier, String token) {
    try {
      verifier.verify(token);
      return "";
    } catch (NotAccepted refusal) {
      return refusal.reason();
    }
  }

  @Test
  void verdictEndsWithTheTokenAndWithTheKey() throws Exception {
    Hand clock = new Hand(NOW);
    Signing one = Signing.create("one");
    Signing two = Signing.create("two");
    Keys keys = new Keys("test", TokenVectorsTest.LOG);
    keys.set(Signing.set(one).getBytes(StandardCharsets.UTF_8));
    Verifier verifier = new Verifier(keys, Signing.DOMAIN, "", clock, 100);
    String token = one.token(Signing.claims(NOW));
    assertEquals("", reason(verifier, token));
    keys.set(Signing.set(one, two).getBytes(StandardCharsets.UTF_8));
    assertEquals("", reason(verifier, token));
    clock.now = NOW.plusSeconds(95 + 31);
    assertEquals("TOKEN_EXPIRED", reason(verifier, token));
    clock.now = NOW;
    keys.set(Signing.set(two).getBytes(StandardCharsets.UTF_8));
    assertEquals("TOKEN_KEY", reason(verifier, token));
    // Another key by the name of the first has signed nothing of it.
    keys.set(Signing.set(Signing.create("one")).getBytes(StandardCharsets.UTF_8));
    assertEquals("TOKEN_SIGNATURE", reason(verifier, token));
  }

  @Test
  void signatureIsVerifiedOnce() throws Exception {
    Signing one = Signing.create("one");
    Keys keys = new Keys("test", TokenVectorsTest.LOG);
    keys.set(Signing.set(one).getBytes(StandardCharsets.UTF_8));
    Verifier verifier = new Verifier(keys, Signing.DOMAIN, "", new Hand(NOW), 3);
    for (int i = 0; i < 5; i++) {
      String token = one.token(Signing.claims(NOW)); // each another one
      assertEquals(i % 3, verifier.remembered() % 3);
      verifier.verify(token);
      int remembered = verifier.remembered();
      assertEquals(verifier.verify(token), verifier.verify(token));
      assertEquals(remembered, verifier.remembered());
      assertTrue(remembered <= 3);
    }
    assertEquals("TOKEN_SIGNATURE", reason(verifier, Signing.create("one").token(Signing.claims(NOW))));
    assertEquals(2, verifier.remembered()); // what did not hold takes no place
    assertEquals(10_000, Verifier.MAX_VERDICTS);
  }

  @Test
  void signatureOfNumbersOutOfRangeIsNobodys() throws Exception {
    Signing one = Signing.create("one");
    byte[] signed = "x.y".getBytes(StandardCharsets.US_ASCII);
    byte[] good = one.sign("x.y");
    ECPublicKey key = (ECPublicKey) one.keys().getPublic();
    assertTrue(Verifier.holds(good, signed, key));
    byte[] zero = new byte[32];
    byte[] order = Arrays.copyOfRange(Jwks.P256.getOrder().toByteArray(), 1, 33);
    byte[] below = order.clone();
    below[31]--;
    byte[] first = zero.clone();
    first[31] = 1;
    assertTrue(Verifier.inRange(first) && Verifier.inRange(below));
    for (byte[] number : List.of(zero, order, all(0xff))) {
      assertFalse(Verifier.inRange(number));
      for (byte[] other : List.of(number, Arrays.copyOf(good, 32))) {
        assertFalse(Verifier.holds(join(number, other), signed, key));
        assertFalse(Verifier.holds(join(other, number), signed, key));
      }
    }
    assertFalse(Verifier.holds(Arrays.copyOf(good, 63), signed, key));
    assertFalse(Verifier.holds(new byte[0], signed, key));
  }

  private static byte[] all(int value) {
    byte[] bytes = new byte[32];
    Arrays.fill(bytes, (byte) value);
    return bytes;
  }

  private static byte[] join(byte[] first, byte[] second) {
    byte[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }

  @Test
  void keysOfASet() throws Exception {
    Signing one = Signing.create("good");
    String good = one.jwk();
    String x = good.replaceFirst(".*\"x\":\"([^\"]*)\".*", "$1");
    Map<String, Integer> sets = new java.util.LinkedHashMap<>();
    sets.put("{\"keys\":[" + good + "]}", 1);
    sets.put("{\"keys\":[" + good + ",{\"kty\":\"RSA\",\"kid\":\"r\",\"n\":\"AQAB\",\"e\":\"AQAB\"},{\"kty\":\"LATER\",\"kid\":1},7]}", 1);
    sets.put("{\"keys\":[" + good + "],\"later\":{}}", 1);
    sets.put("{\"keys\":[" + good.replace("\"sig\"", "null").replace("\"ES256\"", "null") + "]}", 1);
    sets.put("{\"keys\":[" + good.replace("\"sig\"", "\"\"").replace("\"ES256\"", "\"\"") + "]}", 1);
    sets.put("{\"keys\":[" + good.replace("P-256", "P-384") + "]}", 0);
    sets.put("{\"keys\":[" + good.replace("\"sig\"", "\"enc\"") + "]}", 0);
    sets.put("{\"keys\":[" + good.replace("ES256", "ECDH-ES") + "]}", 0);
    sets.put("{\"keys\":[" + good.replace("\"x\"", "\"d\":\"AAAA\",\"x\"") + "]}", 0);
    sets.put("{\"keys\":[" + good.replace("\"kid\":\"good\",", "") + "]}", 0);
    sets.put("{\"keys\":[" + good.replace("\"kid\":\"good\"", "\"kid\":\"\"") + "]}", 0);
    sets.put("{\"keys\":[" + good.replace(x, "A" + x.substring(1).replaceFirst("..$", "AA")) + "]}", 0); // off the curve
    sets.put("{\"keys\":[" + good.replace(x, x + "AAAA") + "]}", 0);
    sets.put("{\"keys\":[" + good.replace(x, "+") + "]}", 0);
    sets.put("{\"keys\":[" + good + "," + good + "]}", 0);
    sets.put("{\"keys\":[]}", 0);
    sets.put("{\"keys\":{}}", 0);
    sets.put("{\"keys\":[" + good + "],\"keys\":[" + good + "]}", 0);
    sets.put("{\"keys\":[" + good.replace("\"use\"", "\"alg\":\"ES256\",\"use\"") + "]}", 0);
    sets.put("[]", 0);
    sets.put("keys", 0);
    sets.put("", 0);
    sets.put("{\"keys\":[" + good + "]}" + " ".repeat(64 << 10), 0);
    sets.forEach((set, count) -> {
      int found = 0;
      try {
        found = Jwks.parse(set.getBytes(StandardCharsets.UTF_8)).size();
      } catch (Json.Bad e) {
        assertFalse(e.getMessage().isEmpty());
      }
      assertEquals(count, found, set);
    });
  }

  @Test
  void jsonIsStrict() throws Exception {
    assertEquals(Map.of("a", List.of(new Json.Number("1.50"), true, "é")), Json.object("{\"a\": [1.50, true, \"é\"]}".getBytes(StandardCharsets.UTF_8)));
    for (String text : List.of("", "{", "{\"a\":1,}", "{'a':1}", "{a:1}", "{\"a\":1} 2", "{\"a\":1}{}", "{\"a\":01}", "{\"a\":NaN}", "{\"a\":TRUE}",
        "{\"a\":1 /* why */}", "\ufeff{}", "{\"a\":\"\\ud800\"}", "{\"\\ud800\":1}", "{\"a\":\"\n\"}", "{\"a\":1,\"\\u0061\":2}", "{\"a\":{\"b\":1,\"b\":1}}",
        "[{\"a\":1,\"a\":1}]", "[]", "1", "null", "{\"a\":" + "[".repeat(10_000) + "]".repeat(10_000) + "}")) {
      assertThrows(Json.Bad.class, () -> Json.object(text.getBytes(StandardCharsets.UTF_8)), text);
    }
    assertThrows(Json.Bad.class, () -> Json.object(new byte[] {'{', '"', (byte) 0xff, '"', ':', '1', '}'}));
    Map<String, Object> numbers = Json.object("{\"a\":1e3,\"b\":1.0,\"c\":12345678901234567890,\"d\":-5,\"e\":null}".getBytes(StandardCharsets.UTF_8));
    for (String name : List.of("a", "b", "c")) {
      assertThrows(Json.Bad.class, () -> Json.whole(numbers, name), name);
    }
    assertEquals(-5, Json.whole(numbers, "d"));
    assertEquals(0, Json.whole(numbers, "e"));
  }

  /** Bytes of strangers never break it, and it takes only what the key has signed. */
  @Test
  void whateverStrangersSend() throws Exception {
    List<String> seeds = new ArrayList<>();
    Set<String> signed = new HashSet<>();
    for (JsonElement row : TokenVectorsTest.file().getAsJsonArray("tokens")) {
      String token = VectorsTest.metadata(row.getAsJsonObject()).get(CallerMetadata.TOKEN);
      if (token != null) {
        seeds.add(token);
        signed.add(token.substring(0, Math.max(0, token.lastIndexOf('.'))));
      }
    }
    Verifier verifier = TokenVectorsTest.tokens(new JsonObject(), TokenVectorsTest.jwks(folder), Clock.fixed(NOW, ZoneOffset.UTC)).verifier();
    Random random = new Random(1);
    int taken = 0;
    for (int i = 0; i < 2_000; i++) {
      String token = mutated(seeds.get(random.nextInt(seeds.size())), random);
      try {
        Claims claims = verifier.verify(token);
        taken++;
        assertEquals(Signing.DOMAIN, claims.audience());
        assertTrue(signed.contains(token.substring(0, token.lastIndexOf('.'))), token);
      } catch (NotAccepted refusal) {
        assertTrue(refusal.reason().startsWith("TOKEN_"), refusal.reason());
        assertFalse(refusal.fields().containsValue(""));
        refusal.trailers();
      }
    }
    assertTrue(taken > 0); // those that were not changed
  }

  private static String mutated(String token, Random random) {
    StringBuilder text = new StringBuilder(token);
    for (int edits = random.nextInt(4); edits > 0 && text.length() > 0; edits--) {
      int at = random.nextInt(text.length());
      switch (random.nextInt(6)) {
        case 0 -> text.setCharAt(at, (char) random.nextInt(0x100));
        case 1 -> text.deleteCharAt(at);
        case 2 -> text.insert(at, "ABCabc019-_.=+/ \0é".charAt(random.nextInt(18)));
        case 3 -> text.setLength(at);
        case 4 -> text.append(text.substring(at));
        default -> { // another header or other claims, of whatever bytes
          byte[] bytes = new byte[random.nextInt(40)];
          random.nextBytes(bytes);
          int dot = Math.max(0, text.indexOf("."));
          if (random.nextBoolean()) {
            text.replace(0, dot, Signing.base64(bytes));
          } else {
            text.insert(Math.min(dot + 1, text.length()), Signing.base64(bytes));
          }
        }
      }
    }
    return text.toString();
  }

  @Test
  void withoutTokensTheConnectionIsBelieved() throws Exception {
    int played = 0;
    for (JsonElement each : TokenVectorsTest.file().getAsJsonArray("tokens")) {
      JsonObject row = each.getAsJsonObject();
      if (VectorsTest.texts(row, "peer").equals(List.of(World.GATEWAY)) && VectorsTest.text(row, "code").equals("PERMISSION_DENIED")) {
        TokenVectorsTest.play(row, TokenVectorsTest.policy(row, null, null), VectorsTest.metadata(row), "OK", "");
        played++;
      }
    }
    assertTrue(played > 10);
  }

  @Test
  void callerIsPassedOnAsItCame() throws Exception {
    JsonObject row = TokenVectorsTest.file().getAsJsonArray("tokens").get(1).getAsJsonObject();
    Metadata metadata = VectorsTest.metadata(row);
    Metadata.Key<String> trace = Metadata.Key.of("traceparent", Metadata.ASCII_STRING_MARSHALLER);
    metadata.put(trace, "00-11111111111111111111111111111111-2222222222222222-01");
    metadata.put(Metadata.Key.of("intentgate-later", Metadata.ASCII_STRING_MARSHALLER), "x");
    metadata.put(Metadata.Key.of("cookie", Metadata.ASCII_STRING_MARSHALLER), "x");
    Clock clock = Clock.fixed(NOW, ZoneOffset.UTC);
    Policy policy = TokenVectorsTest.policy(row, TokenVectorsTest.tokens(row, TokenVectorsTest.jwks(folder), clock), null);
    Call call = policy.judge(new Peer(VectorsTest.texts(row, "peer"), null), VectorsTest.text(row, "method").substring(1), metadata);
    Metadata passed = CallerMetadata.forward(call);
    assertEquals(Set.of("intentgate-caller-bin", "intentgate-call-bin", "intentgate-request-id", "intentgate-token", "traceparent"), passed.keys());
    assertTrue(Arrays.equals(metadata.get(CallerMetadata.CALLER), passed.get(CallerMetadata.CALLER)));
    assertTrue(Arrays.equals(metadata.get(CallerMetadata.CALL), passed.get(CallerMetadata.CALL)));
    for (Metadata.Key<String> key : List.of(CallerMetadata.REQUEST_ID, CallerMetadata.TOKEN, trace)) {
      assertEquals(metadata.get(key), passed.get(key));
    }
    String token = metadata.get(CallerMetadata.TOKEN);
    assertFalse(call.toString().contains(token.substring(0, 20)), "a token in the log of whoever writes the call there");
    // A test's call has nothing but what it says; and nobody is passed on in a direct one.
    assertEquals(3 + 1, CallerMetadata.forward(new Call(call.peer(), call.caller(), call.ref(), call.requestId())).keys().size());
    assertThrows(IllegalArgumentException.class, () -> CallerMetadata.forward(Call.direct(call.peer())));
  }

  @Test
  void timesAreJudgedToTheSecond() throws Exception {
    Hand clock = new Hand(NOW);
    Signing one = Signing.create("one");
    Keys keys = new Keys("test", TokenVectorsTest.LOG);
    keys.set(Signing.set(one).getBytes(StandardCharsets.UTF_8));
    Verifier verifier = new Verifier(keys, Signing.DOMAIN, "", clock, 100);
    JsonObject claims = Signing.claims(NOW);
    long begin = NOW.getEpochSecond();
    Map.of(begin + 3 * 3600, "", begin + 3 * 3600 + 1, "TOKEN_EXPIRED", (1L << 40) + 1, "TOKEN_MALFORMED", Long.MAX_VALUE, "TOKEN_MALFORMED",
        0L, "TOKEN_MALFORMED", -1L, "TOKEN_MALFORMED").forEach((end, want) -> {
          claims.addProperty("exp", end);
          assertEquals(want, reason(verifier, one.token(claims)), claims.toString());
        });
  }
}
