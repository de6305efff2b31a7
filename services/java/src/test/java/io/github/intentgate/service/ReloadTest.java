package io.github.intentgate.service;

import static io.github.intentgate.service.World.REPORTS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.intentgate.v1.FulfillResponse;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import java.io.IOException;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import java.util.logging.LogRecord;
import java.util.logging.StreamHandler;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Files that change while connections live. */
@Timeout(60)
class ReloadTest {
  @TempDir
  Path folder;

  private World world;

  @BeforeEach
  void open() {
    world = new World(folder);
  }

  @AfterEach
  void close() {
    world.close();
  }

  private IntentServer.Builder server() {
    return world.server(request -> FulfillResponse.getDefaultInstance());
  }

  @Test
  void newCertificateOfTheServer() throws Exception {
    Authority other = Authority.create("other");
    IntentServer server = world.start(server());
    Authority.write(folder.resolve("server"), other.issue("dns:" + World.SERVICE), world.authority.pem());
    world.lines("Files reloaded", 1);
    assertEquals(Status.Code.UNAVAILABLE, World.code(world.channel(server, REPORTS)));
    ManagedChannel channel = world.channel(server, world.authority.issue(REPORTS), "TLSv1.3", other.certificate());
    assertEquals(Status.Code.OK, World.code(channel));
  }

  @Test
  void certificateWithoutItsKeyIsNotTaken() throws Exception {
    IntentServer server = world.start(server());
    Authority.Issued next = Authority.create("other").issue("dns:" + World.SERVICE);
    Path fresh = folder.resolve("fresh.pem"); // renamed into place, so that nobody reads half of it
    java.nio.file.Files.writeString(fresh, next.certPem());
    java.nio.file.Files.move(fresh, folder.resolve("server/tls.pem"), StandardCopyOption.ATOMIC_MOVE);
    assertTrue(world.lines("Kept what is in force because the new files are no good", 1).get(0).get("error").toString()
        .contains("tls.key: is not the key of the first certificate in"));
    assertEquals(Status.Code.OK, World.code(world.channel(server, REPORTS)));
    java.nio.file.Files.writeString(folder.resolve("server/tls.key"), next.keyPem());
    world.lines("Files reloaded", 1);
    assertEquals(Status.Code.UNAVAILABLE, World.code(world.channel(server, REPORTS)));
  }

  @Test
  void linkToAFolderIsSwapped() throws Exception {
    // As Kubernetes does: the files are links into ..data, which is a link to a folder, and is renamed into place.
    Path mount = java.nio.file.Files.createDirectories(folder.resolve("mount"));
    world.authority.write(mount.resolve("..1"), "dns:" + World.SERVICE);
    java.nio.file.Files.createSymbolicLink(mount.resolve("..data"), Path.of("..1"));
    for (String file : List.of("tls.pem", "tls.key", "ca.pem")) {
      java.nio.file.Files.createSymbolicLink(mount.resolve(file), Path.of("..data", file));
    }
    IntentServer server = world.start(
        server().files(new Files(mount.resolve("tls.pem"), mount.resolve("tls.key"), mount.resolve("ca.pem"))));
    Authority other = Authority.create("other");
    Authority.write(mount.resolve("..2"), other.issue("dns:" + World.SERVICE), world.authority.pem());
    java.nio.file.Files.createSymbolicLink(mount.resolve("..data_tmp"), Path.of("..2"));
    java.nio.file.Files.move(mount.resolve("..data_tmp"), mount.resolve("..data"), StandardCopyOption.ATOMIC_MOVE);
    world.lines("Files reloaded", 1);
    ManagedChannel channel = world.channel(server, world.authority.issue(REPORTS), "TLSv1.3", other.certificate());
    assertEquals(Status.Code.OK, World.code(channel));
  }

  @Test
  void authorityThatIsWithdrawnEndsWhatItWasTrustedFor() throws Exception {
    Authority other = Authority.create("other");
    Path ca = folder.resolve("server/ca.pem");
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch never = new CountDownLatch(1);
    IntentServer server = world.start(world.server(request -> {
      if (!request.getWebhookJson().isEmpty()) {
        begun.countDown();
        try {
          never.await();
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
      }
      return FulfillResponse.getDefaultInstance();
    }));
    ManagedChannel ours = world.channel(server, REPORTS);
    assertEquals(Status.Code.OK, World.code(ours));
    assertEquals(Status.Code.UNAVAILABLE, World.code(world.channel(server, other.issue(REPORTS))));
    assertEquals(1, world.lines("Handshake failed", 1).size());
    java.nio.file.Files.writeString(ca, world.authority.pem() + other.pem());
    world.lines("Files reloaded", 1);
    ManagedChannel later = world.channel(server, other.sub("sub").issue(REPORTS));
    assertEquals(Status.Code.OK, World.code(later));
    CompletableFuture<Status> inFlight = CompletableFuture.supplyAsync(() -> World.status(() -> World.stub(later).fulfill(
        io.github.intentgate.v1.FulfillRequest.newBuilder().setWebhookJson(com.google.protobuf.ByteString.copyFromUtf8("x")).build())));
    begun.await();
    java.nio.file.Files.writeString(ca, world.authority.pem());
    assertEquals(List.of(REPORTS), world.lines("Connection ended, its certificate is no longer good", 1).get(0).get("names"));
    assertEquals(Status.Code.UNAVAILABLE, inFlight.get().getCode());
    assertEquals(Status.Code.UNAVAILABLE, World.code(later));
    assertEquals(Status.Code.OK, World.code(ours));
    never.countDown();
  }

  private static Clock clock(Supplier<Instant> now) {
    return new Clock() {
      @Override
      public Instant instant() {
        return now.get();
      }

      @Override
      public ZoneOffset getZone() {
        return ZoneOffset.UTC;
      }

      @Override
      public Clock withZone(java.time.ZoneId zone) {
        return this;
      }
    };
  }

  @Test
  void certificatesAreLookedAfterWhateverFails() throws Exception {
    AtomicReference<Supplier<Instant>> now = new AtomicReference<>(Instant::now);
    IntentServer server = world.start(server().clock(clock(() -> now.get().get())));
    world.logger.addHandler(new StreamHandler() {
      @Override
      public void publish(LogRecord line) {
        throw new IllegalStateException("the disk is full");
      }
    });
    assertEquals(Status.Code.OK, World.code(world.channel(server, REPORTS)));
    now.set(() -> {
      throw new IllegalStateException("it is too late");
    });
    world.lines("Looking after certificates failed", 1);
    now.set(Instant::now);
    for (int i = 1; i <= 2; i++) {
      world.authority.write(folder.resolve("server"), "dns:" + World.SERVICE);
      world.lines("Files reloaded", i);
    }
    assertEquals(Status.Code.OK, World.code(world.channel(server, REPORTS)));
  }

  @Test
  void certificateThatExpiresOnALiveConnection() throws Exception {
    AtomicReference<Duration> later = new AtomicReference<>(Duration.ZERO);
    IntentServer server = world.start(server().clock(clock(() -> Instant.now().plus(later.get()))));
    ManagedChannel channel = world.channel(server, world.authority.issue(new Authority.Leaf(REPORTS).valid(Duration.ofMinutes(10))));
    ManagedChannel longer = world.channel(server, REPORTS);
    assertEquals(Status.Code.OK, World.code(channel));
    assertEquals(Status.Code.OK, World.code(longer));
    later.set(Duration.ofMinutes(20));
    assertEquals("it has expired",
        world.lines("Connection ended, its certificate is no longer good", 1).get(0).get("error"));
    assertEquals(Status.Code.OK, World.code(longer));
    later.set(Duration.ofMinutes(90)); // the authority's, too
    world.lines("Connection ended, its certificate is no longer good", 2);
  }

  @Test
  void expiredAuthorityIsNoAuthority() throws Exception {
    Authority old = Authority.create("old", Duration.ofMinutes(-1));
    IntentServer server = world.start(server().files(
        Authority.write(folder.resolve("server"), world.authority.issue("dns:" + World.SERVICE), old.pem())));
    assertEquals(Status.Code.UNAVAILABLE, World.code(world.channel(server, old.issue(REPORTS))));
  }

  @Test
  void channelTakesNewFilesForNewConnections() throws Exception {
    IntentServer server = world.start(server().maxConnectionAge(Duration.ofMillis(50)));
    Files files = world.authority.write(folder.resolve("client"), REPORTS);
    ManagedChannel channel =
        world.closing(Channels.builder(server.address(), files).overrideAuthority(World.SERVICE).build());
    assertEquals(Status.Code.OK, World.code(channel));
    world.authority.write(folder.resolve("client"), World.STRANGER);
    World.until(() -> World.code(channel) == Status.Code.PERMISSION_DENIED);
  }

  @Test
  void sessionThatIsResumedIsJudgedAnew() throws Exception {
    Authority other = Authority.create("other");
    Authority.Issued issued = other.issue(REPORTS);
    IntentServer server = world.start(server());
    java.nio.file.Files.writeString(folder.resolve("server/ca.pem"), world.authority.pem() + other.pem());
    world.lines("Files reloaded", 1);
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    store.setCertificateEntry("ca", world.authority.certificate());
    store.setKeyEntry("key", issued.keys().getPrivate(), new char[0], issued.chain().toArray(Certificate[]::new));
    KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
    keys.init(store, new char[0]);
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(store);
    SSLContext context = SSLContext.getInstance("TLSv1.3"); // which remembers sessions
    context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
    assertTrue(isServed(context, server));
    java.nio.file.Files.writeString(folder.resolve("server/ca.pem"), world.authority.pem());
    world.lines("Files reloaded", 2);
    assertFalse(isServed(context, server));
  }

  /** Tells whether a server says something over HTTP/2. */
  private static boolean isServed(SSLContext context, IntentServer server) throws IOException {
    int port = Integer.parseInt(server.address().replaceFirst(".*:", ""));
    try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", port)) {
      SSLParameters parameters = socket.getSSLParameters();
      parameters.setApplicationProtocols(new String[] {"h2"});
      socket.setSSLParameters(parameters);
      socket.getOutputStream().write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0".getBytes(StandardCharsets.US_ASCII));
      return socket.getInputStream().read() >= 0;
    } catch (SocketException | SSLException e) {
      return false;
    }
  }

  @Test
  void channelInsistsOnTheNameOfTheServer() throws Exception {
    IntentServer server = world.start(server());
    Files files = world.authority.write(folder.resolve("client"), REPORTS);
    for (String name : List.of("other.internal", "127.0.0.1")) {
      ManagedChannel channel = world.closing(Channels.builder(server.address(), files).overrideAuthority(name).build());
      assertEquals(Status.Code.UNAVAILABLE, World.code(channel), name);
    }
    // The common name is no name.
    IntentServer nameless = world.start(server().files(Authority.write(
        folder.resolve("nameless"), world.authority.issue(new Authority.Leaf().commonName(World.SERVICE)), world.authority.pem())));
    ManagedChannel channel =
        world.closing(Channels.builder(nameless.address(), files).overrideAuthority(World.SERVICE).build());
    assertEquals(Status.Code.UNAVAILABLE, World.code(channel));
  }
}
