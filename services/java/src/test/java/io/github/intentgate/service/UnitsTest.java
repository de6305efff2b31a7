package io.github.intentgate.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.Any;
import com.google.rpc.BadRequest;
import com.google.rpc.LocalizedMessage;
import io.github.intentgate.v1.CallRef;
import io.github.intentgate.v1.Caller;
import io.github.intentgate.v1.FulfillResponse;
import io.github.intentgate.v1.Reply;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.nio.file.Path;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.SimpleFormatter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class UnitsTest {
  @ParameterizedTest
  @CsvSource({
      "gateway.internal, unknown kind", "cn:gateway, unknown kind", "'', unknown kind", "dns:, nothing follows dns:",
      "dns:*.internal, wildcards", "dns:a b, is not allowed", "uri:gateway, no scheme", "uri:a b:c, is no URI",
  })
  void badNames(String text, String problem) {
    Exception thrown = assertThrows(IllegalArgumentException.class, () -> Names.parse(text));
    assertTrue(thrown.getMessage().contains(problem), thrown.getMessage());
  }

  @Test
  void namesOfACertificate() {
    Authority authority = Authority.create("x");
    List<String> names =
        List.of("ip:10.0.0.1", "email:a@example.com", "uri:spiffe://shop/x", "dns:B.internal", "dns:a.internal");
    X509Certificate certificate = authority.issue(names.toArray(String[]::new)).chain().get(0);
    assertEquals(List.of("dns:B.internal", "dns:a.internal", "uri:spiffe://shop/x", "email:a@example.com", "ip:10.0.0.1"),
        Names.of(certificate));
    assertEquals(List.of(), Names.of(authority.certificate()));
  }

  // ---------------------------------------------------------------------------------------------------------------- lines

  private static String line(boolean json, Map<String, Object> data, Throwable error) {
    return new LineFormatter(json).format(record(data, error));
  }

  private static LogRecord record(Map<String, Object> data, Throwable error) {
    Log.Fields fields = new Log.Fields();
    fields.putAll(data);
    LogRecord record = new LogRecord(Level.WARNING, Log.Fields.pattern("Caller's call"));
    record.setInstant(Instant.EPOCH);
    record.setParameters(new Object[] {fields});
    record.setThrown(error);
    return record;
  }

  @Test
  void lineOfText() {
    String start = "time=1970-01-01T00:00:00.000Z level=WARN msg=\"Caller's call\" ";
    assertEquals(start + "a=b\n", line(false, Map.of("a", "b"), null));
    assertEquals(start + "a=\"b \\\"c\\\"\\n\"\n", line(false, Map.of("a", "b \"c\"\n"), null));
    assertEquals(start + "a.b=1\n", line(false, Map.of("a", Map.of("b", 1)), null));
    assertEquals(start + "a=\"[x y]\"\n", line(false, Map.of("a", List.of("x", "y")), null));
    assertEquals(start + "a=\"\"\n", line(false, Map.of("a", ""), null));
    assertEquals(start + "a=1.5ms\n", line(false, Map.of("a", Duration.ofNanos(1_500_000)), null));
    assertEquals(start + "a=30.0s\n", line(false, Map.of("a", Duration.ofSeconds(30)), null));
    assertEquals(start + "a=2.0µs\n", line(false, Map.of("a", Duration.ofNanos(2_000)), null));
    assertEquals(start + "a=7ns\n", line(false, Map.of("a", Duration.ofNanos(7)), null));
    assertEquals(1, line(false, Map.of(), new IllegalStateException("two\nlines")).lines().count());
  }

  @Test
  void lineOfJson() {
    JsonObject line = JsonParser.parseString(line(true, Map.of(
        "text", "\"\\\u0000\n🦆\ud800", "group", Map.of("a", 1), "list", List.of("x"), "took", Duration.ofMillis(2), "path", Path.of("a")),
        new IllegalStateException())).getAsJsonObject();
    assertEquals("\"\\\u0000\n🦆\ud800", line.get("text").getAsString());
    assertEquals(1, line.getAsJsonObject("group").get("a").getAsInt());
    assertEquals("x", line.getAsJsonArray("list").get(0).getAsString());
    assertEquals(2_000_000, line.get("took").getAsLong());
    assertEquals("a", line.get("path").getAsString());
    assertTrue(line.get("stack").getAsString().contains("IllegalStateException"));
  }

  @Test
  void lineOfSomebodyElse() {
    LogRecord record = new LogRecord(Level.SEVERE, "broken: {0}");
    record.setInstant(Instant.EPOCH);
    record.setLoggerName("io.grpc");
    record.setParameters(new Object[] {"x"});
    assertEquals("time=1970-01-01T00:00:00.000Z level=ERROR msg=\"broken: x\" logger=io.grpc\n",
        new LineFormatter(false).format(record));
    assertTrue(new SimpleFormatter().format(record(Map.of("a", "b"), null)).contains("Caller's call a=b"));
  }

  // ------------------------------------------------------------------------------------------------------------- statuses

  @Test
  void refusal() throws Exception {
    Reply reply = Reply.newBuilder().addTexts("How about three?").build();
    com.google.rpc.Status status = StatusProto.fromThrowable(Refuse.with(Status.Code.FAILED_PRECONDITION)
        .saying("en", "We are full.").saying("de", "Wir sind ausgebucht.").field("time", "full").field("day", "full").reply(reply)
        .exception());
    assertEquals(Status.Code.FAILED_PRECONDITION.value(), status.getCode());
    assertEquals("We are full.", status.getMessage());
    assertEquals(4, status.getDetailsCount());
    assertEquals("We are full.", status.getDetails(0).unpack(LocalizedMessage.class).getMessage());
    assertEquals("de", status.getDetails(1).unpack(LocalizedMessage.class).getLocale());
    assertEquals(2, status.getDetails(2).unpack(BadRequest.class).getFieldViolationsCount());
    assertEquals(Any.pack(reply), status.getDetails(3));
    StatusRuntimeException bare = Refuse.with(Status.Code.ABORTED).message("again").exception();
    assertEquals("ABORTED: again", bare.getMessage());
    assertThrows(IllegalArgumentException.class, () -> Refuse.with(Status.Code.OK));
  }

  @ParameterizedTest
  @CsvSource({"de, Ja", "de-AT, Ja", "deDE, Ja", "DE_ch, Ja", "pt-br, Sim", "pt, Yes", "fr, Yes", "'', Yes", "denmark, Yes"})
  void textInTheLanguageOfATurn(String language, String want) {
    assertEquals(want, Texts.of("en", "Yes").and("de", "Ja").and("pt-BR", "Sim").in(language));
  }

  // ----------------------------------------------------------------------------------------------------------------- once

  private static Call call(String requestId) {
    return new Call(new Peer(List.of(), null), Caller.getDefaultInstance(), CallRef.getDefaultInstance(), requestId);
  }

  private static FulfillResponse response(int count) {
    return FulfillResponse.newBuilder().setReply(Reply.newBuilder().addTexts(String.valueOf(count))).build();
  }

  private static FulfillResponse once(OncePerKey once, String key, java.util.function.Supplier<FulfillResponse> work) throws Exception {
    return call(key).in(Context.current()).call(() -> once.answer(FulfillResponse.parser(), work));
  }

  @Test
  void oncePerKey() throws Exception {
    OncePerKey once = new OncePerKey(OncePerKey.memory(2));
    AtomicInteger count = new AtomicInteger();
    for (List<String> row : List.of(
        List.of("a", "1"), List.of("a", "1"), List.of("b", "2"), List.of("", "3"), List.of("", "4"), List.of("c", "5"),
        List.of("b", "2"), List.of("a", "6"))) { // of three the oldest is forgotten
      assertEquals(row.get(1), once(once, row.get(0), () -> response(count.incrementAndGet())).getReply().getTexts(0), row.toString());
    }
    assertThrows(IllegalStateException.class, () -> once.answer(FulfillResponse.parser(), () -> response(0)));
  }

  @Test
  void whatFailedIsTriedAgain() throws Exception {
    OncePerKey once = new OncePerKey();
    assertThrows(StatusRuntimeException.class, () -> once(once, "a", () -> {
      throw Status.UNAVAILABLE.asRuntimeException();
    }));
    assertEquals(response(1), once(once, "a", () -> response(1)));
  }

  @Test
  void triesAtOneTime() throws Exception {
    OncePerKey once = new OncePerKey();
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch finish = new CountDownLatch(1);
    Context.CancellableContext first = call("a").in(Context.current()).withCancellation();
    CompletableFuture<FulfillResponse> mine = new CompletableFuture<>();
    Thread working = new Thread(first.wrap((Runnable) () -> mine.complete(once.answer(FulfillResponse.parser(), () -> {
      begun.countDown();
      try {
        finish.await();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      return response(Context.current().isCancelled() ? -1 : 1);
    }))));
    working.start();
    begun.await();
    first.cancel(null); // the work goes on
    Context.CancellableContext second = call("a").in(Context.current()).withCancellation();
    CompletableFuture<Status> given = new CompletableFuture<>();
    Thread waiting = new Thread(second.wrap((Runnable) () ->
        given.complete(World.status(() -> once.answer(FulfillResponse.parser(), () -> response(2))))));
    waiting.start();
    second.cancel(null);
    assertEquals(Status.Code.CANCELLED, given.get().getCode());
    CompletableFuture<FulfillResponse> third = CompletableFuture.supplyAsync(() -> {
      try {
        return once(once, "a", () -> response(3));
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    });
    finish.countDown();
    assertEquals(response(1), mine.get());
    assertEquals(response(1), third.get());
  }

  // ---------------------------------------------------------------------------------------------------------------- files

  private static final Log LOG = new Log(java.util.logging.Logger.getAnonymousLogger(), "x");

  private static String problem(Files files) {
    return assertThrows(IllegalArgumentException.class, () -> new Identity(files, LOG, Clock.systemUTC())).getMessage();
  }

  @Test
  void badFiles(@TempDir Path folder) throws Exception {
    Authority authority = Authority.create("x");
    Files good = authority.write(folder, "dns:x");
    Path none = folder.resolve("none");
    String two = problem(new Files(none, good.key(), folder));
    assertTrue(two.contains("none: there is no such file; check the path; " + folder + ": cannot be read"), two);
    Map<String, String> contents = Map.of(
        "", "no PEM certificate in the file",
        authority.issue("dns:x").keyPem(), "holds a private key where a certificate is wanted",
        authority.pem().substring(0, 200), "a PEM block is cut off",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate 1 is none",
        authority.issue("dns:x").certPem(), "is no authority; put the one there that signed it",
        "x".repeat(5 << 20), "are too many for a PEM file");
    for (Map.Entry<String, String> each : contents.entrySet()) {
      java.nio.file.Files.writeString(none, each.getKey());
      assertTrue(problem(new Files(good.cert(), good.key(), none)).contains(each.getValue()), each.getValue());
    }
    Map<String, String> keys = Map.of(
        "", "no PEM private key in the file",
        authority.pem(), "holds a certificate where a private key is wanted",
        authority.issue("dns:x").keyPem(), "is not the key of the first certificate in",
        authority.issue(new Authority.Leaf("dns:x"), "RSA").keyPem(), "is not the key of the first certificate in",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "is protected by a password",
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END EC PRIVATE KEY-----\n", "is protected by a password");
    for (Map.Entry<String, String> each : keys.entrySet()) {
      java.nio.file.Files.writeString(none, each.getKey());
      assertTrue(problem(new Files(good.cert(), none, good.ca())).contains(each.getValue()), each.getValue());
    }
    Files old = Authority.write(folder, authority.issue(new Authority.Leaf("dns:x").valid(Duration.ofHours(-1))), authority.pem());
    assertTrue(problem(old).contains("has expired on"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"secp256r1", "secp384r1", "secp521r1", "RSA", "Ed25519"})
  void formsOfKeys(String kind) throws Exception {
    Authority.Issued issued = Authority.create("x").issue(new Authority.Leaf("dns:x"), kind);
    byte[] pkcs8 = issued.keys().getPrivate().getEncoded();
    String modern = "-----BEGIN PRIVATE KEY-----\n" + java.util.Base64.getMimeEncoder().encodeToString(pkcs8)
        + "\n-----END PRIVATE KEY-----\n";
    for (String text : List.of(issued.keyPem(), modern)) {
      byte[] pem = text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
      PrivateKey key = Pem.key(Path.of("x"), pem, Path.of("y"), issued.keys().getPublic()); // which it has signed something for
      assertEquals(issued.keys().getPrivate().getAlgorithm(), key.getAlgorithm());
    }
  }
}
