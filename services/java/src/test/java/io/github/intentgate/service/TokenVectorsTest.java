package io.github.intentgate.service;

import static io.github.intentgate.service.VectorsTest.metadata;
import static io.github.intentgate.service.VectorsTest.text;
import static io.github.intentgate.service.VectorsTest.texts;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.util.JsonFormat;
import com.google.rpc.ErrorInfo;
import io.github.intentgate.v1.CallRef;
import io.github.intentgate.v1.Caller;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServiceDescriptor;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import io.grpc.protobuf.lite.ProtoLiteUtils;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.function.ThrowingConsumer;
import org.junit.jupiter.api.io.TempDir;

/** What a service makes of tokens and of its policy, as data that all languages play. */
class TokenVectorsTest {
  static final Log LOG = new Log(quiet(), "test");

  @TempDir
  static Path folder;

  private static Logger quiet() {
    Logger logger = Logger.getAnonymousLogger();
    logger.setLevel(Level.OFF);
    return logger;
  }

  static JsonObject file() throws IOException {
    return JsonParser.parseString(java.nio.file.Files.readString(Path.of("../caller/testdata/tokens.json"))).getAsJsonObject();
  }

  /** Returns a test for each row of a part, which has these members and no others: what is not known here would not be played. */
  private static Stream<DynamicTest> rows(String part, Set<String> members, ThrowingConsumer<JsonObject> test) throws IOException {
    JsonArray rows = file().getAsJsonArray(part);
    assertFalse(rows.isEmpty());
    return StreamSupport.stream(rows.spliterator(), false).map(JsonElement::getAsJsonObject)
        .map(row -> DynamicTest.dynamicTest(text(row, "name"), () -> {
          assertTrue(members.containsAll(row.keySet()), "one of " + row.keySet() + " is not known: play it");
          test.accept(row);
        }));
  }

  @Test
  void allPartsArePlayed() throws IOException {
    assertEquals(
        new TreeSet<>(Set.of("about", "trust_domain", "jwks", "tokens", "policies", "policy_files")), new TreeSet<>(file().keySet()));
  }

  /** Returns the keys of the vectors as a file. */
  static Path jwks(Path folder) throws IOException {
    return java.nio.file.Files.writeString(folder.resolve("jwks.json"), file().get("jwks").toString());
  }

  static TokenPolicy tokens(JsonObject row, Path jwks, Clock clock) throws IOException {
    return Tokens.by(jwks.toString(), text(file(), "trust_domain")).issuer(text(row, "issuer"))
        .forwarding(texts(row, "forward").toArray(String[]::new)).open(null, LOG, clock).policy();
  }

  static Policy policy(JsonObject row, TokenPolicy tokens, Methods methods) {
    return new Policy(Names.parseAll(texts(row, "allowed")), Names.parseAll(texts(row, "asserting")), tokens, methods);
  }

  /** Makes the call of a row, and holds its end against what is wanted. */
  static void play(JsonObject row, Policy policy, Metadata metadata) throws Exception {
    play(row, policy, metadata, text(row, "code"), text(row, "reason"));
  }

  static void play(JsonObject row, Policy policy, Metadata metadata, String code, String reason) throws Exception {
    String got = "OK";
    String why = "";
    try {
      Call call = policy.judge(new Peer(texts(row, "peer"), null), text(row, "method").substring(1), metadata);
      assertEquals(text(row, "call").isEmpty() ? "asserted" : text(row, "call"),
          call.direct() ? "direct" : "asserted");
    } catch (NotAccepted refusal) {
      got = refusal.status().getCode().name();
      why = refusal.reason();
      assertFalse(refusal.fields().containsValue(""), refusal.fields().toString());
      assertEquals(refusal.reason().equals(refusal.reason().toUpperCase(Locale.ROOT)) ? refusal.reason() : "", told(refusal));
    }
    assertEquals(code + " " + reason, got + " " + why);
  }

  /** Returns the reason that the peer is told. */
  private static String told(NotAccepted refusal) throws Exception {
    com.google.rpc.Status status = StatusProto.fromStatusAndTrailers(refusal.status(), refusal.trailers());
    assertEquals(Status.Code.PERMISSION_DENIED.value() == status.getCode() ? "caller is not allowed" : "caller metadata is malformed",
        status.getMessage());
    if (status.getDetailsCount() == 0) {
      return "";
    }
    ErrorInfo info = status.getDetails(0).unpack(ErrorInfo.class);
    assertEquals("intentgate", info.getDomain());
    return info.getReason();
  }

  @TestFactory
  Stream<DynamicTest> tokens() throws IOException {
    Set<String> members =
        Set.of("name", "now", "issuer", "allowed", "asserting", "forward", "peer", "method", "metadata", "code", "reason", "call");
    Path jwks = jwks(folder);
    return rows("tokens", members, row -> {
      Clock clock = Clock.fixed(Instant.ofEpochSecond(row.get("now").getAsLong()), ZoneOffset.UTC);
      Policy policy = policy(row, tokens(row, jwks, clock), null);
      for (int i = 0; i < 2; i++) { // the second time the verdict is remembered
        play(row, policy, metadata(row));
      }
    });
  }

  @TestFactory
  Stream<DynamicTest> policies() throws IOException {
    Set<String> members =
        Set.of("name", "policy", "allowed", "asserting", "peer", "caller", "method", "code", "reason", "call");
    return rows("policies", members, row -> {
      Methods methods = Methods.parse(row.get("policy").toString().getBytes(StandardCharsets.UTF_8));
      Metadata metadata = new Metadata();
      if (row.has("caller")) {
        Caller.Builder caller = Caller.newBuilder();
        JsonFormat.parser().merge(row.get("caller").toString(), caller);
        metadata = CallerMetadata.outgoing(caller.build(), CallRef.newBuilder().setRequestId("1.x").build());
      }
      play(row, policy(row, null, methods), metadata);
    });
  }

  @TestFactory
  Stream<DynamicTest> policyFiles() throws IOException {
    return rows("policy_files", Set.of("name", "text", "registered", "peers", "good"), row -> {
      List<ServiceDescriptor> services = new ArrayList<>();
      row.getAsJsonObject("registered").asMap().forEach((service, methods) -> {
        ServiceDescriptor.Builder builder = ServiceDescriptor.newBuilder(service);
        methods.getAsJsonArray().forEach(method -> builder.addMethod(MethodDescriptor.<Caller, Caller>newBuilder()
            .setType(MethodDescriptor.MethodType.UNARY).setFullMethodName(service + "/" + method.getAsString())
            .setRequestMarshaller(ProtoLiteUtils.marshaller(Caller.getDefaultInstance()))
            .setResponseMarshaller(ProtoLiteUtils.marshaller(Caller.getDefaultInstance())).build()));
        services.add(builder.build());
      });
      String problem = "";
      try {
        Methods.parse(text(row, "text").getBytes(StandardCharsets.UTF_8)).check(Names.parseAll(texts(row, "peers")), services);
      } catch (IllegalArgumentException e) {
        problem = e.getMessage();
      }
      assertEquals(row.get("good").getAsBoolean(), problem.isEmpty(), problem);
    });
  }
}
