package io.github.intentgate.service;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.github.intentgate.v1.Caller;
import io.github.intentgate.v1.FulfillRequest;
import io.github.intentgate.v1.FulfillResponse;
import io.github.intentgate.v1.IntentServiceGrpc;
import io.github.intentgate.v1.Platform;
import io.grpc.BindableService;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import javax.net.ssl.SSLException;

/** Servers and their callers, and what the servers log. */
final class World extends Handler implements AutoCloseable {
  static final String GATEWAY = "dns:gateway.internal";
  static final String REPORTS = "dns:reports.internal";
  static final String STRANGER = "dns:stranger.internal";
  static final String SERVICE = "service.internal";
  static final Caller CALLER = Caller.newBuilder().setPlatform(Platform.PLATFORM_ES)
      .setProjectId(Caller.Value.newBuilder().setValue("shop").setProof(Caller.Proof.PROOF_ID_TOKEN)).build();

  final Authority authority = Authority.create("test");
  final Path folder;
  final Logger logger = Logger.getAnonymousLogger();
  private final List<LogRecord> records = new ArrayList<>();
  private final List<AutoCloseable> open = new ArrayList<>();

  World(Path folder) {
    this.folder = folder;
    logger.setUseParentHandlers(false);
    logger.setLevel(Level.ALL);
    logger.addHandler(this);
  }

  /** A server that allows REPORTS, believes the GATEWAY, and answers Fulfill. */
  IntentServer.Builder server(Function<FulfillRequest, FulfillResponse> fulfill) {
    return bare().service(fulfilling(fulfill)).allowed(REPORTS).asserting(GATEWAY);
  }

  static BindableService fulfilling(Function<FulfillRequest, FulfillResponse> fulfill) {
    return new IntentServiceGrpc.IntentServiceImplBase() {
      @Override
      public void fulfill(FulfillRequest request, StreamObserver<FulfillResponse> responses) {
        responses.onNext(fulfill.apply(request));
        responses.onCompleted();
      }
    };
  }

  /** The same, without anybody who may call and anything that can be called. */
  IntentServer.Builder bare() {
    return IntentServer.builder("test").listen("127.0.0.1:0").logger(logger).drain(Duration.ofSeconds(10))
        .reload(Duration.ofMillis(20)).files(authority.write(folder.resolve("server"), "dns:" + SERVICE));
  }

  IntentServer start(IntentServer.Builder builder) throws IOException {
    IntentServer server = builder.start();
    open.add(server::stop);
    return server;
  }

  ManagedChannel channel(IntentServer server, String... names) {
    return channel(server, authority.issue(names));
  }

  ManagedChannel channel(IntentServer server, Authority.Issued issued) {
    return channel(server, issued, "TLSv1.3", authority.certificate());
  }

  ManagedChannel channel(IntentServer server, Authority.Issued issued, String protocol, X509Certificate ca) {
    return channel(server.address(), issued, protocol, ca);
  }

  ManagedChannel channel(String address, Authority.Issued issued, String protocol, X509Certificate ca) {
    try {
      SslContextBuilder tls = GrpcSslContexts.forClient().trustManager(ca).protocols(protocol);
      if (issued != null) {
        tls.keyManager(issued.keys().getPrivate(), issued.chain());
      }
      return closing(NettyChannelBuilder.forTarget(address).sslContext(tls.build()).overrideAuthority(SERVICE).build());
    } catch (SSLException e) {
      throw new IllegalStateException(e);
    }
  }

  ManagedChannel closing(ManagedChannel channel) {
    open.add(channel::shutdownNow);
    return channel;
  }

  static FulfillResponse fulfill(Channel channel) {
    return stub(channel).fulfill(FulfillRequest.getDefaultInstance());
  }

  static IntentServiceGrpc.IntentServiceBlockingStub stub(Channel channel) {
    return IntentServiceGrpc.newBlockingStub(channel).withDeadlineAfter(10, TimeUnit.SECONDS);
  }

  /** Returns the status with which a call ends. */
  static Status status(Runnable call) {
    try {
      call.run();
      return Status.OK;
    } catch (StatusRuntimeException e) {
      return e.getStatus();
    }
  }

  static Status.Code code(Channel channel) {
    return status(() -> fulfill(channel)).getCode();
  }

  @Override
  public synchronized void publish(LogRecord line) {
    records.add(line);
  }

  /** Returns the records of a message. */
  synchronized List<LogRecord> records(String message) {
    return records.stream().filter(line -> line.getMessage().equals(Log.Fields.pattern(message))).toList();
  }

  /** Waits until something holds. */
  static void until(BooleanSupplier holds) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!holds.getAsBoolean()) {
      assertTrue(System.nanoTime() < end, "waited in vain");
      Thread.sleep(5);
    }
  }

  /** Returns the data of the lines of a message, once there are so many. */
  List<Map<String, Object>> lines(String message, int count) throws InterruptedException {
    until(() -> records(message).size() >= count);
    return lines(message);
  }

  /** Returns the data of the lines of a message so far. */
  List<Map<String, Object>> lines(String message) {
    return records(message).stream().map(line -> (Map<String, Object>) (Log.Fields) line.getParameters()[0]).toList();
  }

  /** Returns the data of the lines about calls, once there are so many. */
  List<Map<String, Object>> calls(int count) throws InterruptedException {
    return lines("Call", count);
  }

  @Override
  public void flush() {}

  @Override
  public void close() {
    Collections.reverse(open);
    for (AutoCloseable each : open) {
      try {
        each.close();
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
