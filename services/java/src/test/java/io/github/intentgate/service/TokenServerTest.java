package io.github.intentgate.service;

import static io.github.intentgate.service.World.GATEWAY;
import static io.github.intentgate.service.World.REPORTS;
import static io.github.intentgate.service.World.STRANGER;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.rpc.ErrorInfo;
import io.github.intentgate.v1.CallRef;
import io.github.intentgate.v1.Caller;
import io.github.intentgate.v1.FulfillRequest;
import io.github.intentgate.v1.FulfillResponse;
import io.github.intentgate.v1.Reply;
import io.grpc.Channel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tokens and policies over mutual TLS. */
@Timeout(60)
class TokenServerTest {
  private static final String CHECKOUT = "dns:checkout.internal";
  private static final String SERVICE = "intentgate.v1.IntentService";
  private static final CallRef REF = CallRef.newBuilder().setSession("projects/shop/agent/sessions/1").setRequestId("1.x").build();

  @TempDir
  Path folder;

  private final Signing gateway = Signing.create("gateway");
  private World world;
  private Path jwks;

  @BeforeEach
  void open() throws Exception {
    world = new World(folder);
    jwks = Signing.write(folder.resolve("jwks.json"), Signing.set(gateway));
  }

  @AfterEach
  void close() {
    world.close();
  }

  private Tokens tokens() {
    return Tokens.by(jwks.toString(), Signing.DOMAIN);
  }

  private static FulfillResponse project(FulfillRequest request) {
    return FulfillResponse.newBuilder().setReply(Reply.newBuilder().addTexts(Call.current().caller().getProjectId().getValue())).build();
  }

  private static Metadata metadata(CallRef ref, String token) {
    Metadata metadata = CallerMetadata.outgoing(World.CALLER, ref);
    if (token != null) {
      metadata.put(CallerMetadata.TOKEN, token);
    }
    return metadata;
  }

  /** Returns the claims of a token for one turn. */
  private static JsonObject bound(String target) {
    JsonObject claims = Signing.claims();
    claims.addProperty("target", target);
    claims.addProperty("txn", REF.getRequestId());
    claims.addProperty("session", REF.getSession());
    claims.addProperty("caller_hash", TokenPolicy.hash(metadata(REF, null).get(CallerMetadata.CALLER)));
    return claims;
  }

  /** Makes a call, and returns what came of it: what was answered, or the code and the reason that the caller is told. */
  private static String call(Channel channel, Metadata metadata) {
    try {
      return World.stub(channel).withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata))
          .fulfill(FulfillRequest.getDefaultInstance()).getReply().getTexts(0);
    } catch (StatusRuntimeException e) {
      return told(e);
    }
  }

  private static String told(StatusRuntimeException e) {
    String reason = "";
    try {
      com.google.rpc.Status status = StatusProto.fromThrowable(e);
      if (status != null && status.getDetailsCount() > 0) {
        ErrorInfo info = status.getDetails(0).unpack(ErrorInfo.class);
        reason = " " + info.getDomain() + " " + info.getReason();
      }
    } catch (com.google.protobuf.InvalidProtocolBufferException wrong) {
      throw new IllegalStateException(wrong);
    }
    return e.getStatus().getCode() + reason;
  }

  private static String denied(String reason) {
    return "PERMISSION_DENIED intentgate " + reason;
  }

  @Test
  void callerCountsWithAToken() throws Exception {
    IntentServer server = world.start(world.server(TokenServerTest::project).tokens(tokens()));
    Channel channel = world.channel(server, GATEWAY);
    String token = gateway.token(Signing.claims());
    assertEquals("shop", call(channel, metadata(REF, token)));
    assertEquals("shop", call(channel, metadata(REF, token)));
    assertEquals(denied("TOKEN_MISSING"), call(channel, metadata(REF, null)));
    assertEquals(denied("TOKEN_KEY"), call(channel, metadata(REF, Signing.create("stranger").token(Signing.claims()))));
    assertEquals(denied("TOKEN_SIGNATURE"), call(channel, metadata(REF, Signing.create("gateway").token(Signing.claims()))));
    Map<String, Object> line = world.calls(5).get(4);
    assertEquals(Map.of("reason", "TOKEN_SIGNATURE", "saw", "a signature that does not hold, by key \"gateway\"", "wanted", "one by that key"),
        line.get("refusal"));
    assertEquals("PermissionDenied", line.get("code"));
    assertFalse(world.lines("Call").toString().contains(token.substring(0, 30)));
    // Direct calls, health and reflection need none.
    assertEquals(Status.Code.OK, World.code(world.channel(server, REPORTS)));
    for (Metadata metadata : List.of(new Metadata(), metadata(REF, null))) {
      HealthGrpc.newBlockingStub(channel).withDeadlineAfter(10, TimeUnit.SECONDS)
          .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata)).check(HealthCheckRequest.getDefaultInstance());
    }
    // The token alone is for nobody.
    Metadata alone = new Metadata();
    alone.put(CallerMetadata.TOKEN, token);
    assertEquals("INVALID_ARGUMENT", call(channel, alone));
  }

  @Test
  void callerIsPassedOn() throws Exception {
    // The second service trusts nobody to assert; the first passes on what came.
    IntentServer second = world.start(world.bare().service(World.fulfilling(TokenServerTest::project))
        .tokens(tokens().forwarding(CHECKOUT + "=" + SERVICE)));
    Channel onwards = world.closing(Channels.builder(second.address(), world.authority.write(folder.resolve("checkout"), CHECKOUT))
        .overrideAuthority(World.SERVICE).build());
    IntentServer first = world.start(world.server(request -> World.stub(onwards)
        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(CallerMetadata.forward(Call.current()))).fulfill(request)).tokens(tokens()));
    Channel channel = world.channel(first, GATEWAY);
    assertEquals("shop", call(channel, metadata(REF, gateway.token(bound(SERVICE)))));
    assertEquals(List.of(List.of(CHECKOUT), List.of(GATEWAY)), world.calls(2).stream().map(line -> line.get("peer")).toList());
    assertEquals("1.x", world.calls(2).get(0).get("request_id"));
    // A token for many turns is good for the first one alone.
    assertEquals(denied("TOKEN_CALLER"), call(channel, metadata(REF, gateway.token(Signing.claims()))));
    // So far the honest ones. A forwarder that lies, and those who have stolen a token from it:
    String token = gateway.token(bound(SERVICE));
    Channel liar = world.channel(second, CHECKOUT);
    assertEquals("shop", call(liar, metadata(REF, token)));
    assertEquals(denied("TOKEN_TURN"), call(liar, metadata(REF.toBuilder().setRequestId("1.y").build(), token)), "a replay in another turn");
    assertEquals(denied("TOKEN_TURN"), call(liar, metadata(REF.toBuilder().setSession("projects/shop/agent/sessions/2").build(), token)));
    Metadata bank = CallerMetadata.outgoing(World.CALLER.toBuilder()
        .setProjectId(Caller.Value.newBuilder().setValue("bank").setProof(Caller.Proof.PROOF_ID_TOKEN)).build(), REF);
    bank.put(CallerMetadata.TOKEN, token);
    assertEquals(denied("TOKEN_CALLER"), call(liar, bank), "another caller");
    assertEquals(denied("TOKEN_TARGET"), call(liar, metadata(REF, gateway.token(bound("shop.faq.v1.FaqService")))), "from elsewhere");
    assertEquals(denied("TOKEN_MISSING"), call(liar, metadata(REF, null)));
    assertEquals("PERMISSION_DENIED", call(world.channel(second, STRANGER), metadata(REF, token)), "theft by a stranger");
    assertEquals("PERMISSION_DENIED", call(liar, new Metadata()), "a forwarder calls for others alone");
    // At the first service the same token from any other connection is a stolen one, a forwarder's that it does not list included.
    IntentServer third = world.start(world.server(TokenServerTest::project).asserting(CHECKOUT).tokens(tokens()));
    assertEquals(denied("TOKEN_PEER"), call(world.channel(third, CHECKOUT), metadata(REF, token)));
    assertEquals("PERMISSION_DENIED", call(world.channel(third, REPORTS), metadata(REF, token)));
  }

  @Test
  void keysChange() throws Exception {
    IntentServer server = world.start(world.server(TokenServerTest::project).tokens(tokens()));
    Channel channel = world.channel(server, GATEWAY);
    Signing next = Signing.create("next");
    String old = gateway.token(Signing.claims());
    String young = next.token(Signing.claims());
    assertEquals("shop", call(channel, metadata(REF, old)));
    assertEquals(denied("TOKEN_KEY"), call(channel, metadata(REF, young)));
    Signing.write(jwks, Signing.set(gateway, next));
    world.lines("Files reloaded", 1);
    assertEquals("shop", call(channel, metadata(REF, old)));
    assertEquals("shop", call(channel, metadata(REF, young)));
    Signing.write(jwks, "{\"keys\":[]}");
    assertTrue(world.lines("Kept what is in force because the new files are no good", 1).get(0).get("error").toString()
        .contains("jwks.json: no key of the curve P-256"));
    assertEquals("shop", call(channel, metadata(REF, old)));
    Signing.write(jwks, Signing.set(next));
    world.lines("Files reloaded", 2);
    assertEquals(denied("TOKEN_KEY"), call(channel, metadata(REF, old)), "what was remembered ends with the key");
    assertEquals("shop", call(channel, metadata(REF, young)));
    assertEquals(List.of(1, 2, 1), world.lines("Read the keys of callers' tokens").stream().map(line -> line.get("keys")).toList());
  }

  @Test
  void methodsHaveTheirCallers() throws Exception {
    IntentServer server = world.start(world.server(TokenServerTest::project).methods(new Methods()
        .rule(SERVICE + "/Fulfill", new Methods.Rule().callers(REPORTS).asserted(Methods.Part.PROJECT, Caller.Proof.PROOF_ID_TOKEN))));
    assertEquals("", call(world.channel(server, REPORTS), new Metadata()));
    assertEquals(denied("CALLER_NOT_LISTED"), call(world.channel(server, GATEWAY), new Metadata()));
    assertEquals("shop", call(world.channel(server, GATEWAY), metadata(REF, null)));
    Caller stated = World.CALLER.toBuilder().setProjectId(
        Caller.Value.newBuilder().setValue("shop").setProof(Caller.Proof.PROOF_STATED)).build();
    assertEquals(denied("PROOF_MISSING"), call(world.channel(server, GATEWAY), CallerMetadata.outgoing(stated, REF)));
    IntentServer closed = world.start(world.server(TokenServerTest::project).methods(new Methods()));
    Channel channel = world.channel(closed, GATEWAY);
    assertEquals(denied("METHOD_NOT_LISTED"), call(channel, metadata(REF, null)));
    HealthGrpc.newBlockingStub(channel).withDeadlineAfter(10, TimeUnit.SECONDS).check(HealthCheckRequest.getDefaultInstance());
  }

  @Test
  void doesNotStartWithGaps() {
    Methods.Rule rule = new Methods.Rule();
    IntentServer.Builder[] builders = {
        world.server(TokenServerTest::project).methods(new Methods().rule(SERVICE + "/Ask", rule)),
        world.server(TokenServerTest::project).methods(new Methods().rule("shop.v1.X/*", rule)),
        world.server(TokenServerTest::project).methods(new Methods().rule("grpc.health.v1.Health/*", rule)),
        world.server(TokenServerTest::project).methods(new Methods().rule(SERVICE + "/*", new Methods.Rule().callers(STRANGER))),
        world.server(TokenServerTest::project).methods(new Methods().rule(SERVICE + "/*", new Methods.Rule().asserted(Methods.Part.AGENT))),
        world.server(TokenServerTest::project).methods(new Methods().rule(SERVICE + "/*",
            new Methods.Rule().asserted(Methods.Part.AGENT, Caller.Proof.PROOF_UNSPECIFIED))),
        world.server(TokenServerTest::project).tokens(Tokens.by("", "")),
        world.server(TokenServerTest::project).tokens(Tokens.by(folder.resolve("none.json").toString(), Signing.DOMAIN)),
        world.server(TokenServerTest::project).tokens(Tokens.by(folder.resolve("server/ca.pem").toString(), Signing.DOMAIN)),
        world.server(TokenServerTest::project).tokens(Tokens.by("http://gateway.internal/", Signing.DOMAIN)),
        world.server(TokenServerTest::project).tokens(Tokens.by("https://user:secret@gateway.internal/", Signing.DOMAIN)),
        world.server(TokenServerTest::project).tokens(Tokens.by("https:///x", Signing.DOMAIN)),
        world.server(TokenServerTest::project).tokens(Tokens.by("https://gateway.internal/", Signing.DOMAIN).ca(folder.resolve("none.pem"))),
    };
    String[] problems = {
        "no such method; want * or one of [Fulfill]", "no such service is registered; there are [" + SERVICE + "]", "no such service",
        "may not call at all; name it in --allow", "agent lists []; want one of STATED", "agent lists [PROOF_UNSPECIFIED]",
        "keys are missing: want their file or URL (--jwks); the trust domain is missing", "none.json: there is no such file",
        "server/ca.pem: no JSON", "want a file, or a URL such as https://", "want a file, or a URL", "want a file, or a URL",
        "none.pem: there is no such file",
    };
    for (int i = 0; i < builders.length; i++) {
      IntentServer.Builder builder = builders[i];
      Exception thrown = assertThrows(IllegalArgumentException.class, builder::start, problems[i]);
      assertTrue(thrown.getMessage().contains(problems[i]), thrown.getMessage());
    }
    for (String text : List.of(CHECKOUT, CHECKOUT + "=", "checkout=x.Y", CHECKOUT + "=x.Y/Z")) {
      assertTrue(assertThrows(IllegalArgumentException.class, () -> tokens().forwarding(text)).getMessage().contains("forwarder"), text);
    }
    assertThrows(IllegalArgumentException.class, () -> Methods.parse((" ".repeat(1 << 20) + "{\"methods\":{}}").getBytes()));
  }
}
