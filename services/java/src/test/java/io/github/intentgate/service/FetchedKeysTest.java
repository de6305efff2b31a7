package io.github.intentgate.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import io.github.intentgate.v1.FulfillResponse;
import io.grpc.Channel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Keys that are fetched over TLS. */
@Timeout(60)
class FetchedKeysTest {
  @TempDir
  Path folder;

  private final Signing one = Signing.create("one");
  private final Signing two = Signing.create("two");
  private final VerifierTest.Hand clock = new VerifierTest.Hand(Instant.now());
  private final AtomicInteger fetches = new AtomicInteger();
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private Duration limit = FetchedKeys.LIMIT;
  private Duration patience = FetchedKeys.LIMIT; // that of calls would be short on a machine that is busy
  private World world;
  private HttpsServer place;
  private volatile String document = Signing.set(one);
  private volatile CountDownLatch slow = new CountDownLatch(0);

  @BeforeEach
  void open() throws Exception {
    world = new World(folder);
    place = serve(world.authority.issue("dns:localhost"));
  }

  @AfterEach
  void close() {
    slow.countDown();
    place.stop(0);
    threads.shutdownNow();
    world.close();
  }

  private HttpsServer serve(Authority.Issued issued) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    store.setKeyEntry("key", issued.keys().getPrivate(), new char[0], issued.chain().toArray(Certificate[]::new));
    KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
    keys.init(store, new char[0]);
    SSLContext tls = SSLContext.getInstance("TLS");
    tls.init(keys.getKeyManagers(), null, null);
    HttpsServer server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setHttpsConfigurator(new HttpsConfigurator(tls));
    server.createContext("/", this::answer);
    server.setExecutor(threads);
    server.start();
    return server;
  }

  private void answer(HttpExchange exchange) throws IOException {
    fetches.incrementAndGet();
    try (exchange) {
      if (exchange.getRequestURI().getPath().equals("/endless")) {
        exchange.sendResponseHeaders(200, 0);
        exchange.getResponseBody().write(new byte[(64 << 10) + 1]);
        exchange.getResponseBody().flush();
      }
      slow.await();
      if (exchange.getRequestURI().getPath().equals("/moved")) {
        exchange.getResponseHeaders().add("Location", "/");
        exchange.sendResponseHeaders(302, -1);
        return;
      }
      byte[] body = document.getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(body.length == 0 ? 503 : 200, body.length == 0 ? -1 : body.length);
      exchange.getResponseBody().write(body);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private String url(String path) {
    return "https://localhost:" + place.getAddress().getPort() + path;
  }

  private FetchedKeys keys(String path, Authority authority) throws Exception {
    Trust trust = new Trust();
    trust.set(List.of(authority.certificate()));
    return new FetchedKeys(url(path), trust, new Log(world.logger, "test"), clock, limit, patience);
  }

  private void later(Duration time) {
    clock.now = clock.now.plus(time);
  }

  @Test
  void unknownKeysAreAskedForEveryTenSeconds() throws Exception {
    FetchedKeys keys = keys("/", world.authority);
    document = "";
    assertNull(keys.find("one")); // there are none yet
    assertEquals(1, fetches.get());
    assertTrue(world.lines("Could not read the keys of callers' tokens", 1).get(0).get("error").toString().contains("HTTP status 503"));
    document = Signing.set(one);
    assertNull(keys.find("one"));
    assertEquals(1, fetches.get());
    later(Duration.ofSeconds(10));
    assertNotNull(keys.find("one"));
    assertNotNull(keys.find("one"));
    assertEquals(2, fetches.get());
    document = Signing.set(one, two);
    assertNull(keys.find("two"));
    later(Duration.ofSeconds(9));
    assertNull(keys.find("two"));
    assertEquals(2, fetches.get());
    later(Duration.ofSeconds(1));
    assertNotNull(keys.find("two"));
    assertEquals(3, fetches.get());
  }

  @Test
  void keysAreFetchedEveryFiveMinutesAndTheLastGoodOnesStay() throws Exception {
    FetchedKeys keys = keys("/", world.authority);
    keys.refresh();
    World.until(() -> keys.get("one") != null);
    assertNotNull(keys.find("one"));
    for (String bad : List.of("", "{\"keys\":[]}", "no JSON", Signing.set(two) + " ".repeat(64 << 10))) {
      document = bad;
      int before = fetches.get();
      later(Duration.ofMinutes(5).minusSeconds(1));
      keys.refresh();
      assertEquals(before, fetches.get());
      later(Duration.ofSeconds(1));
      int complaints = world.records("Could not read the keys of callers' tokens").size();
      keys.refresh();
      world.lines("Could not read the keys of callers' tokens", complaints + 1);
      assertEquals(before + 1, fetches.get());
      World.until(() -> keys.find("two") == null); // by when the fetch is over
      assertNotNull(keys.get("one"));
    }
    document = Signing.set(two);
    later(Duration.ofMinutes(5));
    keys.refresh();
    World.until(() -> keys.get("two") != null);
    assertNull(keys.get("one"));
  }

  @Test
  void keysOfOtherPlacesAreNobodys() throws Exception {
    assertNull(keys("/moved", world.authority).find("one"));
    assertEquals(1, fetches.get());
    assertNull(keys("/", Authority.create("other")).find("one"));
    assertEquals(1, fetches.get()); // of another's server nothing is asked
    place.stop(0);
    place = serve(world.authority.issue("dns:other.internal"));
    assertNull(keys("/", world.authority).find("one"));
    place.stop(0);
    place = serve(world.authority.issue(new Authority.Leaf().commonName("localhost")));
    assertNull(keys("/", world.authority).find("one"));
    assertEquals(1, fetches.get());
    assertEquals(4, world.lines("Could not read the keys of callers' tokens", 4).size());
    place.stop(0);
    place = serve(world.authority.issue("dns:localhost"));
    assertNotNull(keys("/", world.authority).find("one"));
  }

  @Test
  void slowPlaceHoldsUpNoCallForLong() throws Exception {
    assertNotNull(keys("/", world.authority).find("one")); // so that all code is there
    slow = new CountDownLatch(1);
    limit = Duration.ofMillis(1500);
    patience = Duration.ofMillis(50);
    FetchedKeys keys = keys("/", world.authority);
    keys.set(document.getBytes(StandardCharsets.UTF_8));
    keys.refresh();
    World.until(() -> fetches.get() == 2);
    assertNotNull(keys.find("one")); // at once
    assertNull(keys.find("two")); // after a moment, during which nothing else is fetched
    assertEquals(List.of(), world.lines("Could not read the keys of callers' tokens")); // it is still under way
    assertEquals(2, fetches.get());
    String problem = world.lines("Could not read the keys of callers' tokens", 1).get(0).get("error").toString();
    assertTrue(problem.contains("no answer within 1500 ms") || problem.contains("timed out"), problem);
    assertNotNull(keys.get("one"));
  }

  @Test
  void bodyThatDoesNotEndIsCutOff() throws Exception {
    slow = new CountDownLatch(1);
    assertNull(keys("/endless", world.authority).find("one"));
    String problem = world.lines("Could not read the keys of callers' tokens", 1).get(0).get("error").toString();
    assertTrue(problem.contains("more than 64 KiB"), problem);
  }

  @Test
  void serverTakesThemFromTheGateway() throws Exception {
    Path ca = java.nio.file.Files.writeString(folder.resolve("jwks-ca.pem"), world.authority.pem());
    IntentServer own = world.start(world.server(request -> FulfillResponse.getDefaultInstance()).tokens(Tokens.by(url("/"), Signing.DOMAIN)));
    IntentServer other = world.start(world.server(request -> FulfillResponse.getDefaultInstance())
        .files(Authority.write(folder.resolve("other"), world.authority.issue("dns:" + World.SERVICE), world.authority.pem()))
        .tokens(Tokens.by(url("/"), Signing.DOMAIN).ca(ca)));
    Signing stranger = Signing.create("one");
    for (IntentServer server : List.of(own, other)) {
      assertEquals(Status.Code.OK, code(server, one));
      assertEquals(Status.Code.PERMISSION_DENIED, code(server, stranger));
    }
    assertEquals(2, fetches.get());
    // Without any keys a server starts, and refuses.
    place.stop(0);
    IntentServer without = world.start(world.server(request -> FulfillResponse.getDefaultInstance()).tokens(Tokens.by(url("/"), Signing.DOMAIN)));
    assertEquals(Status.Code.PERMISSION_DENIED, code(without, one));
    assertEquals(0, world.lines("Could not read the keys of callers' tokens", 1).get(0).get("keys"));
    World.until(() -> world.lines("Call").stream().anyMatch(line -> String.valueOf(line.get("refusal")).contains("TOKEN_KEY")));
    // What a fetch is judged by is read again, too.
    java.nio.file.Files.writeString(ca, Authority.create("other").pem());
    World.until(() -> world.lines("Files reloaded").stream().anyMatch(line -> line.get("files").equals(List.of(ca))));
  }

  private Status.Code code(IntentServer server, Signing key) {
    Metadata metadata = CallerMetadata.outgoing(World.CALLER, io.github.intentgate.v1.CallRef.newBuilder().setRequestId("1.x").build());
    metadata.put(CallerMetadata.TOKEN, key.token(Signing.claims()));
    Channel channel = world.channel(server, World.GATEWAY);
    return World.status(() -> World.stub(channel).withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata))
        .fulfill(io.github.intentgate.v1.FulfillRequest.getDefaultInstance())).getCode();
  }
}
