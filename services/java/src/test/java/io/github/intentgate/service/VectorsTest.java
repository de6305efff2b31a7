package io.github.intentgate.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.util.JsonFormat;
import io.github.intentgate.v1.CallRef;
import io.github.intentgate.v1.Caller;
import io.github.intentgate.v1.FulfillRequest;
import io.github.intentgate.v1.FulfillResponse;
import io.grpc.Channel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.function.ThrowingConsumer;
import org.junit.jupiter.api.io.TempDir;

/** The contract of the hop between the gateway and services, as data that all languages play. */
class VectorsTest {
  private static Stream<DynamicTest> rows(String part, ThrowingConsumer<JsonObject> test) throws IOException {
    String text = java.nio.file.Files.readString(Path.of("../caller/testdata/vectors.json"));
    JsonArray rows = JsonParser.parseString(text).getAsJsonObject().getAsJsonArray(part);
    assertFalse(rows.isEmpty());
    return StreamSupport.stream(rows.spliterator(), false).map(JsonElement::getAsJsonObject)
        .map(row -> DynamicTest.dynamicTest(text(row, "name"), () -> test.accept(row)));
  }

  static String text(JsonObject row, String key) {
    return row.has(key) && !row.get(key).isJsonNull() ? row.get(key).getAsString() : "";
  }

  static List<String> texts(JsonObject row, String key) {
    return row.has(key) && !row.get(key).isJsonNull()
        ? row.getAsJsonArray(key).asList().stream().map(JsonElement::getAsString).toList() : List.of();
  }

  private static byte[] base64(JsonObject row, String key) {
    return Base64.getDecoder().decode(text(row, key));
  }

  private static void put(Metadata metadata, JsonObject entry) {
    if (entry.has("base64")) {
      metadata.put(Metadata.Key.of(text(entry, "key"), Metadata.BINARY_BYTE_MARSHALLER), base64(entry, "base64"));
    } else {
      metadata.put(Metadata.Key.of(text(entry, "key"), Metadata.ASCII_STRING_MARSHALLER), text(entry, "text"));
    }
  }

  static Metadata metadata(JsonObject row) {
    Metadata metadata = new Metadata();
    if (row.has("metadata") && !row.get("metadata").isJsonNull()) {
      row.getAsJsonArray("metadata").forEach(entry -> put(metadata, entry.getAsJsonObject()));
    }
    return metadata;
  }

  @TestFactory
  Stream<DynamicTest> outgoing() throws IOException {
    return rows("outgoing", row -> {
      Caller.Builder caller = Caller.newBuilder();
      JsonFormat.parser().merge(row.get("caller").toString(), caller);
      CallRef.Builder ref = CallRef.newBuilder();
      JsonFormat.parser().merge(row.get("call").toString(), ref);
      Metadata got = CallerMetadata.outgoing(caller.build(), ref.build());
      Metadata.Key<String> traceParent = Metadata.Key.of("traceparent", Metadata.ASCII_STRING_MARSHALLER);
      String trace = got.get(traceParent);
      assertTrue(trace.matches("00-[0-9a-f]{32}-[0-9a-f]{16}-00"), trace);
      assertNotEquals(trace, CallerMetadata.outgoing(caller.build(), ref.build()).get(traceParent));
      Metadata want = metadata(row);
      Set<String> keys = new TreeSet<>(want.keys());
      keys.add("traceparent");
      assertEquals(keys, new TreeSet<>(got.keys()));
      assertEquals(hex(want.get(CallerMetadata.CALLER)), hex(got.get(CallerMetadata.CALLER)));
      assertEquals(hex(want.get(CallerMetadata.CALL)), hex(got.get(CallerMetadata.CALL)));
      assertEquals(want.get(CallerMetadata.REQUEST_ID), got.get(CallerMetadata.REQUEST_ID));
    });
  }

  private static String hex(byte[] bytes) {
    return HexFormat.of().formatHex(bytes);
  }

  @TestFactory
  Stream<DynamicTest> requestIds() throws IOException {
    return rows("request_ids", row -> {
      List<RequestKey.FormValue> form = new ArrayList<>();
      if (row.has("form_values") && !row.get("form_values").isJsonNull()) {
        for (JsonElement each : row.getAsJsonArray("form_values")) {
          form.add(new RequestKey.FormValue(text(each.getAsJsonObject(), "name"), text(each.getAsJsonObject(), "json")));
        }
      }
      String turn = row.has("turn_id") && row.get("turn_id").isJsonNull() ? null : text(row, "turn_id");
      RequestKey key = new RequestKey(text(row, "platform"), text(row, "project_id"), text(row, "agent"), text(row, "environment"),
          text(row, "session"), turn, text(row, "page"), form, text(row, "event"), text(row, "method"), base64(row, "request"));
      assertEquals(text(row, "request_id"), key.requestId());
      assertEquals(text(row, "request_id"), hashed(HexFormat.of().parseHex(text(row, "hashed"))));
    });
  }

  private static String hashed(byte[] bytes) throws GeneralSecurityException {
    byte[] sum = MessageDigest.getInstance("SHA-256").digest(bytes);
    return "1." + Base64.getUrlEncoder().withoutPadding().encodeToString(sum);
  }

  @TestFactory
  Stream<DynamicTest> acceptance(@TempDir Path folder) throws IOException {
    return rows("acceptance", row -> {
      try (World world = new World(folder)) {
        List<String> allowed = texts(row, "allowed");
        List<String> asserting = texts(row, "asserting");
        if (allowed.isEmpty() && asserting.isEmpty()) { // a server does not even start
          assertThrows(IllegalArgumentException.class, () -> world.bare().check());
          Peer peer = new Peer(texts(row.getAsJsonObject("peer"), "sans"), null);
          NotAccepted refusal =
              assertThrows(NotAccepted.class, () -> new Policy(Set.of(), Set.of(), null, null).judge(peer, "x.Y/Z", new Metadata()));
          assertEquals(text(row, "code"), refusal.status().getCode().name());
          assertEquals(text(row, "reason"), refusal.reason());
          return;
        }
        play(row, world, allowed, asserting);
      }
    });
  }

  private static void play(JsonObject row, World world, List<String> allowed, List<String> asserting) throws Exception {
    JsonObject peer = row.getAsJsonObject("peer");
    List<Call> calls = new ArrayList<>();
    IntentServer server = world.start(world.bare().service(World.fulfilling(request -> {
      calls.add(Call.current());
      return FulfillResponse.getDefaultInstance();
    })).allowed(allowed.toArray(String[]::new)).asserting(asserting.toArray(String[]::new)));
    Authority.Leaf leaf =
        new Authority.Leaf(texts(peer, "sans").toArray(String[]::new)).commonName(text(peer, "common_name"));
    Authority authority = world.authority;
    switch (text(peer, "certificate")) {
      case "unknown_authority" -> authority = Authority.create("test");
      case "expired" -> leaf.valid(Duration.ofHours(-1));
      case "server_only" -> leaf.usages(Authority.SERVER);
      default -> { }
    }
    Authority.Issued issued = text(peer, "certificate").equals("none") ? null : authority.issue(leaf);
    String protocol = text(peer, "tls").isEmpty() ? "TLSv1.3" : "TLSv" + text(peer, "tls");
    Channel channel = world.channel(server, issued, protocol, world.authority.certificate());
    Metadata metadata = metadata(row);
    Status status = World.status(() ->
        World.stub(channel).withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata))
            .fulfill(FulfillRequest.getDefaultInstance()));
    if (text(row, "code").equals("HANDSHAKE")) {
      assertEquals(Status.Code.UNAVAILABLE, status.getCode());
      assertEquals(List.of(), calls);
      assertEquals(List.of(), world.calls(0));
      return;
    }
    assertEquals(text(row, "code"), status.getCode().name(), status.toString());
    Map<String, Object> line = world.calls(1).get(0);
    assertEquals(new TreeSet<>(texts(peer, "sans")), new TreeSet<>((List<?>) line.get("peer")));
    if (!status.isOk()) {
      assertEquals(List.of(), calls);
      // The peer is told little, the log all.
      assertTrue(Set.of("caller is not allowed", "caller metadata is malformed").contains(status.getDescription()));
      assertEquals(text(row, "reason"), ((Map<?, ?>) line.get("refusal")).get("reason"));
      return;
    }
    Call call = calls.get(0);
    assertEquals(texts(peer, "sans"), call.peer().names());
    assertEquals(text(row, "call").equals("direct"), call.direct());
    if (call.direct()) {
      assertEquals(Call.direct(call.peer()), call);
    } else {
      assertEquals(Caller.parseFrom(metadata.get(CallerMetadata.CALLER)), call.caller());
      assertEquals(CallRef.parseFrom(metadata.get(CallerMetadata.CALL)), call.ref());
      assertEquals(metadata.get(CallerMetadata.REQUEST_ID), call.requestId());
      assertEquals(call.requestId(), line.get("request_id"));
    }
  }
}
