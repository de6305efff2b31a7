package io.github.intentgate.service;

import static io.github.intentgate.service.World.GATEWAY;
import static io.github.intentgate.service.World.REPORTS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import io.github.intentgate.conformance.v1.EchoRequest;
import io.github.intentgate.conformance.v1.EchoResponse;
import io.github.intentgate.conformance.v1.ProbeServiceGrpc;
import io.github.intentgate.v1.CallRef;
import io.github.intentgate.v1.FulfillRequest;
import io.github.intentgate.v1.FulfillResponse;
import io.github.intentgate.v1.IntentServiceGrpc;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.stub.MetadataUtils;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.logging.Handler;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/** The command line, in a process of its own. */
@Isolated("it captures what the process says, and looks at the root of all loggers")
@Timeout(60)
class CommandTest {
  /** A service that answers after as many milliseconds as it is told. */
  public static final class Slow {
    public static void main(String[] arguments) {
      System.exit(Command.run("slow", arguments, World.fulfilling(request -> {
        try {
          Thread.sleep(request.getWebhookJson().isEmpty() ? 0 : Long.parseLong(request.getWebhookJson().toStringUtf8()));
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
        return FulfillResponse.getDefaultInstance();
      })));
    }
  }

  @TempDir
  Path folder;

  private static Process start(List<String> arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"), Slow.class.getName()));
    command.addAll(arguments);
    Process process = new ProcessBuilder(command).start();
    process.onExit().orTimeout(50, TimeUnit.SECONDS).exceptionally(tooLong -> process.destroyForcibly());
    return process;
  }

  private record Told(int status, String out, String err) {}

  private static Told run(String... arguments) throws Exception {
    Process process = start(List.of(arguments));
    String out = new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
    String err = new String(process.getErrorStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
    return new Told(process.waitFor(), out, err);
  }

  /** Runs the command line in this process, which is faster. */
  private static Told here(String... arguments) {
    var out = new java.io.ByteArrayOutputStream();
    var err = new java.io.ByteArrayOutputStream();
    var before = List.of(System.out, System.err);
    System.setOut(new java.io.PrintStream(out));
    System.setErr(new java.io.PrintStream(err));
    try {
      int status = Command.run("slow", arguments, World.fulfilling(request -> FulfillResponse.getDefaultInstance()));
      return new Told(status, out.toString(), err.toString());
    } finally {
      System.setOut(before.get(0));
      System.setErr(before.get(1));
    }
  }

  @Test
  void helpTeaches() throws Exception {
    Told told = run("--help");
    assertEquals(0, told.status());
    assertEquals("", told.err());
    for (String text : List.of("slow --cert slow.pem", "--assert dns:gateway.internal", "--descriptors FILE", "--probe", "--jwks SOURCE", "--policy FILE",
        "dns:orders.internal=shop.orders.v1.OrderService")) {
      assertTrue(told.out().contains(text), told.out());
    }
  }

  @Test
  void wrongCommandLine() {
    for (List<String> row : List.of(
        List.of("--cert, --key, --ca is missing"),
        List.of("--ca is missing", "--cert=a", "--key", "b"),
        List.of("nobody could call", "--cert", "a", "--key", "b", "--ca", "c"),
        List.of("unknown kind", "--assert", "gateway"),
        List.of("--log-format is \"xml\"", "--log-format", "xml"),
        List.of("--cert needs a value", "--cert"),
        List.of("unknown flag --certificate", "--certificate", "x"),
        List.of("unexpected argument \"orders\"", "orders"))) {
      Told told = here(row.subList(1, row.size()).toArray(String[]::new));
      assertEquals(2, told.status(), row.toString());
      assertTrue(told.err().contains(row.get(0)) && told.err().endsWith("Try: slow --help\n"), told.err());
      assertEquals("", told.out());
    }
    assertTrue(here("--cert", "a", "--key", "b", "--ca", "c", "--assert", GATEWAY, "--listen", "x").err().contains("a: there is no such"));
  }

  @Test
  void flagsAboutTokensAndMethods() throws Exception {
    Path policy = java.nio.file.Files.writeString(folder.resolve("policy.json"), "{\"methods\": {\"intentgate.v1.IntentService/Ask\": {}}}");
    Path odd = java.nio.file.Files.writeString(folder.resolve("odd.json"), "{\"methods\": {}, \"more\": {}}");
    World world = new World(folder);
    Files files = world.authority.write(folder.resolve("server"), "dns:" + World.SERVICE);
    for (List<String> row : List.of(
        List.of("2", "the trust domain is missing", "--jwks", "jwks.json"),
        List.of("2", "keys are missing: want their file or URL (--jwks)", "--trust-domain", "shop.internal"),
        List.of("2", "--forward: forwarder \"dns:checkout.internal\"", "--forward", "dns:checkout.internal"),
        List.of("2", "--policy: cannot read no-such.json", "--policy", "no-such.json"),
        List.of("2", "odd.json: policy: the policy: \"more\" is nothing that is known", "--policy", odd.toString()),
        List.of("2", "has no such method; want * or one of [Fulfill]", "--policy", policy.toString()),
        List.of("1", "no-such.json: there is no such file", "--jwks", "no-such.json", "--trust-domain", "shop.internal", "--issuer", "x"),
        List.of("1", "no-such.pem: there is no such file", "--jwks", "https://x/", "--jwks-ca", "no-such.pem", "--trust-domain", "shop.internal"),
        List.of("1", "http://x/\": want a file, or a URL", "--jwks", "http://x/", "--trust-domain", "shop.internal"))) {
      List<String> arguments = new ArrayList<>(List.of("--cert", files.cert().toString(), "--key", files.key().toString(), "--ca",
          files.ca().toString(), "--assert", GATEWAY, "--listen", "127.0.0.1:0"));
      arguments.addAll(row.subList(2, row.size()));
      Told told = here(arguments.toArray(String[]::new));
      assertTrue(told.err().contains(row.get(1)), told.err());
      assertEquals(row.get(0), String.valueOf(told.status()), told.err());
    }
  }

  @Test
  void logOfSomebodyElseIsLeftAlone() {
    Logger root = Logger.getLogger("");
    List<Handler> before = List.of(root.getHandlers());
    Handler bridge = new World(folder);
    try {
      root.addHandler(bridge); // as jul-to-slf4j does
      Command.logToStderr(true);
      assertEquals(bridge, root.getHandlers()[before.size()]);
    } finally {
      root.removeHandler(bridge);
    }
    assertEquals(before, List.of(root.getHandlers()));
  }

  @Test
  void descriptors() throws Exception {
    Path file = folder.resolve("slow.binpb");
    assertEquals(new Told(0, "", ""), here("--descriptors", file.toString(), "--probe"));
    FileDescriptorSet set = FileDescriptorSet.parseFrom(java.nio.file.Files.readAllBytes(file));
    List<String> names = set.getFileList().stream().map(each -> each.getName()).toList();
    assertTrue(names.containsAll(List.of("intentgate/v1/intent_service.proto", "intentgate/conformance/v1/probe_service.proto")));
    Told told = here("--descriptors", folder.resolve("none/x").toString());
    assertEquals(1, told.status());
    assertTrue(told.err().startsWith("slow: cannot write the descriptors: java.nio.file.NoSuchFileException: " + folder), told.err());
  }

  /** The service, running. */
  private static final class Running implements AutoCloseable {
    private final Process process;
    private final BufferedReader log;
    private final String address;

    Running(World world, String... more) throws IOException {
      Files files = world.authority.write(world.folder.resolve("server"), "dns:" + World.SERVICE);
      List<String> arguments = new ArrayList<>(List.of("--cert", files.cert().toString(), "--key", files.key().toString(), "--ca",
          files.ca().toString(), "--assert", GATEWAY, "--allow", REPORTS, "--listen", "127.0.0.1:0", "--log-format", "json"));
      arguments.addAll(List.of(more));
      process = start(arguments);
      log = process.errorReader();
      address = line("Listening").get("address").getAsString();
    }

    JsonObject line(String message) throws IOException {
      for (String text = log.readLine(); text != null; text = log.readLine()) {
        JsonObject line = JsonParser.parseString(text).getAsJsonObject();
        if (line.get("msg").getAsString().equals(message)) {
          return line;
        }
      }
      throw new AssertionError("the log ended without " + message);
    }

    void signal(String name) throws Exception {
      assertEquals(0, new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid())).start().waitFor());
    }

    @Override
    public void close() {
      process.destroyForcibly();
    }
  }

  private static FulfillRequest taking(int milliseconds) {
    return FulfillRequest.newBuilder().setWebhookJson(ByteString.copyFromUtf8(String.valueOf(milliseconds))).build();
  }

  @Test
  void stopsGracefullyAndAtOnce() throws Exception {
    Signing gateway = Signing.create("gateway");
    try (World world = new World(folder);
        Running first = new Running(world, "--probe");
        Running second = new Running(world, "--trust-domain=" + Signing.DOMAIN, "--issuer", "https://gateway.internal", "--jwks",
            Signing.write(folder.resolve("jwks.json"), Signing.set(gateway)).toString(), "--policy",
            java.nio.file.Files.writeString(folder.resolve("policy.json"), "{\"methods\": {\"intentgate.v1.IntentService/Fulfill\": "
                + "{\"callers\": [\"" + REPORTS + "\"], \"asserted\": {\"project\": [\"ID_TOKEN\"]}}}}").toString())) {
      Channel channel = channel(world, first);
      EchoRequest request = EchoRequest.newBuilder().setSigned(Long.MIN_VALUE).setUnsigned(-1).setText("🦆").build();
      EchoResponse echo = ProbeServiceGrpc.newBlockingStub(channel).withDeadlineAfter(10, TimeUnit.SECONDS).echo(request);
      assertEquals(request, echo.getRequest());
      assertEquals(List.of(REPORTS), echo.getPeerList());
      assertTrue(echo.getDirect() && echo.getTimeLeft().getSeconds() <= 10 && !echo.hasCaller());
      assertEquals("OK", first.line("Call").get("code").getAsString());
      Future<FulfillResponse> call = IntentServiceGrpc.newFutureStub(channel).fulfill(taking(500));
      World.fulfill(channel); // the one before has arrived by now
      first.signal("TERM");
      first.line("Draining");
      call.get();
      assertEquals(0, first.process.waitFor());

      Channel other = channel(world, second);
      assertEquals(Status.Code.PERMISSION_DENIED, World.status(() -> ProbeServiceGrpc.newBlockingStub(other).echo(request)).getCode());
      Channel theirs = world.channel(second.address, world.authority.issue(GATEWAY), "TLSv1.3", world.authority.certificate());
      Metadata metadata = CallerMetadata.outgoing(World.CALLER, CallRef.newBuilder().setRequestId("1.x").build());
      assertEquals(Status.Code.PERMISSION_DENIED, World.status(() -> asserted(theirs, metadata)).getCode());
      metadata.put(CallerMetadata.TOKEN, gateway.token(Signing.claims()));
      assertEquals(Status.OK, World.status(() -> asserted(theirs, metadata)));
      Future<FulfillResponse> cut = IntentServiceGrpc.newFutureStub(other).fulfill(taking(60_000));
      World.fulfill(other);
      second.signal("INT");
      second.line("Draining");
      second.signal("TERM"); // the second one ends it at once
      assertEquals(128 + 15, second.process.waitFor());
      assertEquals(Status.Code.UNAVAILABLE,
          Status.fromThrowable(assertThrows(ExecutionException.class, cut::get)).getCode());
    }
  }

  private static void asserted(Channel channel, Metadata metadata) {
    World.stub(channel).withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata)).fulfill(taking(0));
  }

  private static ManagedChannel channel(World world, Running service) {
    return world.channel(service.address, world.authority.issue(REPORTS), "TLSv1.3", world.authority.certificate());
  }
}
