package io.github.intentgate.service;

import static io.github.intentgate.service.World.GATEWAY;
import static io.github.intentgate.service.World.REPORTS;
import static io.github.intentgate.service.World.STRANGER;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import io.github.intentgate.conformance.v1.ProbeServiceGrpc;
import io.github.intentgate.conformance.v1.WaitRequest;
import io.github.intentgate.conformance.v1.WaitedRequest;
import io.github.intentgate.conformance.v1.WaitedResponse;
import io.github.intentgate.v1.CallRef;
import io.github.intentgate.v1.FulfillRequest;
import io.github.intentgate.v1.FulfillResponse;
import io.github.intentgate.v1.IntentServiceGrpc;
import io.github.intentgate.v1.Reply;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.opentelemetry.GrpcOpenTelemetry;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.propagation.ContextPropagators;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.testing.exporter.InMemoryMetricReader;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.logging.Level;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(60)
class ServerTest {
  private static final FulfillResponse RESPONSE =
      FulfillResponse.newBuilder().setReply(Reply.newBuilder().addTexts("yes")).build();
  private static final Function<FulfillRequest, FulfillResponse> ANSWER = request -> RESPONSE;

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

  @Test
  void lineTellsForWhom() throws Exception {
    IntentServer server = world.start(world.server(ANSWER));
    CallRef ref = CallRef.newBuilder().setSession("s").setRequestId("1.x").build();
    Channel channel = world.channel(server, GATEWAY);
    assertEquals(RESPONSE, World.stub(channel)
        .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(CallerMetadata.outgoing(World.CALLER, ref)))
        .fulfill(FulfillRequest.getDefaultInstance()));
    Map<String, Object> line = world.calls(1).get(0);
    assertEquals(List.of("service", "method", "code", "duration", "peer", "caller", "request_id"), List.copyOf(line.keySet()));
    assertEquals(Map.of("platform", "ES", "project", "shop", "proof", "ID_TOKEN"), line.get("caller"));
    assertEquals("/intentgate.v1.IntentService/Fulfill", line.get("method"));
    assertEquals(List.of(GATEWAY), line.get("peer"));
    assertEquals("1.x", line.get("request_id"));
    assertEquals("OK", line.get("code"));
  }

  @Test
  void statusOfAMethod() throws Exception {
    IntentServer server = world.start(world.server(request -> {
      throw Refuse.with(Status.Code.NOT_FOUND).saying("en", "No such shop.").exception();
    }));
    Status status = World.status(() -> World.fulfill(world.channel(server, REPORTS)));
    assertEquals("NOT_FOUND No such shop.", status.getCode() + " " + status.getDescription());
    assertEquals("NotFound No such shop.", world.calls(1).get(0).get("code") + " " + world.calls(1).get(0).get("error"));
    assertEquals(Level.INFO, world.records("Call").get(0).getLevel());
  }

  @Test
  void whatAMethodDidNotForesee() throws Exception {
    List<Consumer<StreamObserver<FulfillResponse>>> ways = List.of(
        responses -> {
          throw new IllegalStateException("the secret of the shop");
        },
        responses -> {
          throw new AssertionError("the secret of the shop");
        },
        responses -> responses.onError(new IOException("the secret of the shop")),
        StreamObserver::onCompleted);
    List<Consumer<StreamObserver<FulfillResponse>>> left = new ArrayList<>(ways);
    IntentServer server = world.start(world.bare().allowed(REPORTS).service(new IntentServiceGrpc.IntentServiceImplBase() {
      @Override
      public void fulfill(FulfillRequest request, StreamObserver<FulfillResponse> responses) {
        left.remove(0).accept(responses);
      }
    }));
    Channel channel = world.channel(server, REPORTS);
    for (int i = 1; i <= ways.size(); i++) {
      Status status = World.status(() -> World.fulfill(channel));
      assertEquals("INTERNAL internal error", status.getCode() + " " + status.getDescription());
      Map<String, Object> line = world.calls(i).get(i - 1);
      assertEquals("Internal", line.get("code"));
      String told = i < ways.size() ? "the secret of the shop" : "without a response";
      assertTrue(line.get("error").toString().contains(told), line.toString());
      assertEquals(Level.SEVERE, world.records("Call").get(i - 1).getLevel());
      assertTrue(world.records("Call").get(i - 1).getThrown() != null);
    }
  }

  @ParameterizedTest
  @CsvSource({REPORTS + ", UNIMPLEMENTED", STRANGER + ", PERMISSION_DENIED"})
  void unknownMethod(String name, String code) throws Exception {
    IntentServer server = world.start(world.server(ANSWER));
    assertEquals(code, raw(world.channel(server, name), "shop.v1.X/Y", new byte[0]).getCode().name());
    assertEquals("/shop.v1.X/Y", world.calls(1).get(0).get("method"));
  }

  @Test
  void methodThatIsNotWritten() throws Exception {
    IntentServer server =
        world.start(world.bare().allowed(REPORTS).service(new IntentServiceGrpc.IntentServiceImplBase() {}));
    assertEquals(Status.Code.UNIMPLEMENTED, World.code(world.channel(server, REPORTS)));
    assertEquals("Unimplemented", world.calls(1).get(0).get("code"));
  }

  @Test
  void bytesOfAStrangerAreNotDecoded() throws Exception {
    IntentServer server = world.start(world.server(ANSWER));
    String method = "intentgate.v1.IntentService/Fulfill";
    assertEquals(Status.Code.PERMISSION_DENIED, raw(world.channel(server, STRANGER), method, new byte[] {-1}).getCode());
    assertEquals(Status.Code.INTERNAL, raw(world.channel(server, REPORTS), method, new byte[] {-1}).getCode());
    assertEquals(List.of("PermissionDenied", "Internal"), world.calls(2).stream().map(line -> line.get("code")).toList());
  }

  private static Status raw(Channel channel, String method, byte[] request) {
    MethodDescriptor.Marshaller<byte[]> bytes = new MethodDescriptor.Marshaller<>() {
      @Override
      public InputStream stream(byte[] value) {
        return new ByteArrayInputStream(value);
      }

      @Override
      public byte[] parse(InputStream stream) {
        return new byte[0];
      }
    };
    MethodDescriptor<byte[], byte[]> descriptor = MethodDescriptor.<byte[], byte[]>newBuilder()
        .setType(MethodDescriptor.MethodType.UNARY).setFullMethodName(method).setRequestMarshaller(bytes)
        .setResponseMarshaller(bytes).build();
    CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(10, TimeUnit.SECONDS);
    return World.status(() -> ClientCalls.blockingUnaryCall(channel, descriptor, options, request));
  }

  @Test
  void healthObeysTheLists() throws Exception {
    IntentServer server = world.start(world.server(ANSWER));
    for (String service : List.of("", "intentgate.v1.IntentService")) {
      assertEquals(HealthCheckResponse.ServingStatus.SERVING, health(world.channel(server, REPORTS), service));
      Channel stranger = world.channel(server, STRANGER);
      assertEquals(Status.Code.PERMISSION_DENIED, World.status(() -> health(stranger, service)).getCode());
    }
    Channel channel = world.channel(server, REPORTS);
    assertEquals(Status.Code.NOT_FOUND, World.status(() -> health(channel, "no.such.Service")).getCode());
    world.calls(5);
    assertEquals(3, world.records("Call").stream().filter(line -> line.getLevel() == Level.FINE).count());
  }

  private static HealthCheckResponse.ServingStatus health(Channel channel, String service) {
    return HealthGrpc.newBlockingStub(channel).withDeadlineAfter(10, TimeUnit.SECONDS)
        .check(HealthCheckRequest.newBuilder().setService(service).build()).getStatus();
  }

  @Test
  void deadlineAndCancellationReachTheMethod() throws Exception {
    IntentServer server = world.start(world.server(ANSWER).service(new Probe()));
    Channel channel = world.channel(server, REPORTS);
    WaitRequest wait =
        WaitRequest.newBuilder().setTime(com.google.protobuf.Duration.newBuilder().setSeconds(100)).setId("late").build();
    ProbeServiceGrpc.ProbeServiceBlockingStub probe = ProbeServiceGrpc.newBlockingStub(channel);
    await(probe, "late", WaitedResponse.End.END_UNSPECIFIED); // so that the connection is there, and all code that the next call runs
    assertEquals(Status.Code.DEADLINE_EXCEEDED,
        World.status(() -> probe.withDeadlineAfter(1, TimeUnit.SECONDS).wait(wait)).getCode());
    Context.CancellableContext mine = Context.current().withCancellation();
    CompletableFuture<Status> ended = new CompletableFuture<>();
    mine.run(() -> ProbeServiceGrpc.newStub(channel).wait(wait.toBuilder().setId("cancelled").build(), new StreamObserver<>() {
      @Override
      public void onNext(io.github.intentgate.conformance.v1.WaitResponse value) {}

      @Override
      public void onError(Throwable error) {
        ended.complete(Status.fromThrowable(error));
      }

      @Override
      public void onCompleted() {}
    }));
    await(probe, "cancelled", WaitedResponse.End.END_WAITING);
    mine.cancel(null);
    assertEquals(Status.Code.CANCELLED, ended.get().getCode());
    await(probe, "late", WaitedResponse.End.END_CANCELLED);
    await(probe, "cancelled", WaitedResponse.End.END_CANCELLED);
    World.until(() -> waits().size() == 2);
    // The caller, too, tells when its deadline passes, and perhaps first.
    assertTrue(List.of("DeadlineExceeded", "Canceled").contains(waits().get(0)), waits().toString());
    assertEquals("Canceled", waits().get(1));
  }

  private List<Object> waits() {
    return world.lines("Call").stream().filter(line -> line.get("method").toString().endsWith("/Wait")).map(l -> l.get("code")).toList();
  }

  private static void await(ProbeServiceGrpc.ProbeServiceBlockingStub probe, String id, WaitedResponse.End end) throws Exception {
    World.until(() -> probe.waited(WaitedRequest.newBuilder().setId(id).build()).getEnd() == end);
  }

  @Test
  void stopsWhenCallsAreDone() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch finish = new CountDownLatch(1);
    IntentServer server = world.server(request -> {
      begun.countDown();
      wait(finish);
      return RESPONSE;
    }).start();
    ManagedChannel channel = world.channel(server, REPORTS);
    Iterator<HealthCheckResponse> watch =
        HealthGrpc.newBlockingStub(channel).watch(HealthCheckRequest.getDefaultInstance());
    assertEquals(HealthCheckResponse.ServingStatus.SERVING, watch.next().getStatus());
    CompletableFuture<FulfillResponse> call = CompletableFuture.supplyAsync(() -> World.fulfill(channel));
    begun.await();
    CompletableFuture<Boolean> stopped = CompletableFuture.supplyAsync(() -> stop(server));
    assertEquals(HealthCheckResponse.ServingStatus.NOT_SERVING, watch.next().getStatus());
    assertFalse(watch.hasNext());
    world.lines("Draining", 1);
    ManagedChannel late = world.channel(server, REPORTS);
    World.until(() -> World.status(() -> health(late, "")).getCode() == Status.Code.UNAVAILABLE); // a moment after the line
    assertFalse(stopped.isDone());
    finish.countDown();
    assertEquals(RESPONSE, call.get());
    assertTrue(stopped.get());
  }

  @Test
  void keepsTheProcessAliveUntilItIsStopped() throws Exception {
    Files files = world.authority.write(folder.resolve("alive"), "dns:" + World.SERVICE);
    IntentServer server = IntentServer.builder("alive").listen("127.0.0.1:0").logger(world.logger).files(files).allowed(REPORTS)
        .service(World.fulfilling(ANSWER)).start();
    assertEquals(Status.Code.OK, World.code(world.channel(server, REPORTS)));
    assertTrue(threads().anyMatch(thread -> !thread.isDaemon()));
    assertTrue(stop(server));
    World.until(() -> threads().findAny().isEmpty());
  }

  private static Stream<Thread> threads() {
    return Thread.getAllStackTraces().keySet().stream().filter(thread -> thread.getName().startsWith("intentgate-alive"));
  }

  @Test
  void cutsOffWhatDoesNotEnd() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch never = new CountDownLatch(1);
    IntentServer server = world.server(request -> {
      begun.countDown();
      wait(never);
      return RESPONSE;
    }).drain(Duration.ofMillis(100)).start();
    Channel channel = world.channel(server, REPORTS);
    CompletableFuture<Status> call = CompletableFuture.supplyAsync(() -> World.status(() -> World.fulfill(channel)));
    begun.await();
    assertFalse(stop(server));
    assertTrue(List.of(Status.Code.UNAVAILABLE, Status.Code.CANCELLED).contains(call.get().getCode()), call.get().toString());
    never.countDown();
  }

  private static void wait(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static boolean stop(IntentServer server) {
    try {
      return server.stop();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void connectionsAreOfAnAge() throws Exception {
    IntentServer server = world.start(world.server(ANSWER).maxConnectionAge(Duration.ofMillis(50)));
    ManagedChannel channel = world.channel(server, REPORTS);
    assertEquals(Status.Code.OK, World.code(channel));
    World.until(() -> channel.getState(false) != io.grpc.ConnectivityState.READY);
    assertEquals(Status.Code.OK, World.code(channel));
  }

  @Test
  void largeAndUnicode() throws Exception {
    IntentServer server = world.start(world.server(request -> FulfillResponse.newBuilder()
        .setReply(Reply.newBuilder().addTexts(request.getWebhookJson().toStringUtf8())).build()));
    Channel channel = world.channel(server, REPORTS);
    String text = "🦆ß中".repeat(100_000);
    FulfillRequest large = FulfillRequest.newBuilder().setWebhookJson(ByteString.copyFromUtf8(text)).build();
    assertEquals(text, World.stub(channel).fulfill(large).getReply().getTexts(0));
    FulfillRequest tooLarge = FulfillRequest.newBuilder().setWebhookJson(ByteString.copyFrom(new byte[5 << 20])).build();
    assertEquals(Status.Code.RESOURCE_EXHAUSTED, World.status(() -> World.stub(channel).fulfill(tooLarge)).getCode());
    // gRPC does not tell what ended the call.
    assertEquals(List.of("OK", "Canceled"), world.calls(2).stream().map(line -> line.get("code")).toList());
  }

  @Test
  void interceptorsStandBehindTheRules() throws Exception {
    List<String> seen = new ArrayList<>();
    IntentServer server = world.start(world.server(ANSWER).configure(builder -> builder.intercept(new ServerInterceptor() {
      @Override
      public <Q, R> ServerCall.Listener<Q> interceptCall(ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
        seen.add(Call.current().peer().names().get(0));
        return next.startCall(call, headers);
      }
    })));
    assertEquals(Status.Code.PERMISSION_DENIED, World.code(world.channel(server, STRANGER)));
    assertEquals(Status.Code.OK, World.code(world.channel(server, REPORTS)));
    assertEquals(List.of(REPORTS), seen);
  }

  @Test
  void openTelemetry() throws Exception {
    InMemoryMetricReader reader = InMemoryMetricReader.create();
    InMemorySpanExporter spans = InMemorySpanExporter.create();
    OpenTelemetrySdk sdk = OpenTelemetrySdk.builder()
        .setMeterProvider(SdkMeterProvider.builder().registerMetricReader(reader).build())
        .setTracerProvider(SdkTracerProvider.builder()
            .setSampler(Sampler.parentBased(Sampler.alwaysOff())).addSpanProcessor(SimpleSpanProcessor.create(spans)).build())
        .setPropagators(ContextPropagators.create(W3CTraceContextPropagator.getInstance())).build();
    IntentServer server =
        world.start(world.server(ANSWER).configure(GrpcOpenTelemetry.newBuilder().sdk(sdk).build()::configureServerBuilder));
    Metadata metadata = CallerMetadata.outgoing(World.CALLER, CallRef.newBuilder().setRequestId("1.x").build());
    Metadata.Key<String> traceParent = Metadata.Key.of("traceparent", Metadata.ASCII_STRING_MARSHALLER);
    String trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"; // sampled, after one that is not
    for (String parent : List.of(metadata.get(traceParent), trace)) {
      metadata.discardAll(traceParent);
      metadata.put(traceParent, parent);
      World.stub(world.channel(server, GATEWAY))
          .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(metadata)).fulfill(FulfillRequest.getDefaultInstance());
    }
    World.until(() -> !spans.getFinishedSpanItems().isEmpty());
    for (SpanData span : spans.getFinishedSpanItems()) {
      assertEquals(trace.split("-")[1], span.getTraceId());
      assertEquals(trace.split("-")[2], span.getParentSpanId());
    }
    assertTrue(reader.collectAllMetrics().stream().anyMatch(metric -> metric.getName().equals("grpc.server.call.started")));
  }

  @Test
  void portIsOneServers() throws Exception {
    IntentServer server = world.start(world.server(ANSWER));
    IOException problem =
        assertThrows(IOException.class, () -> world.server(ANSWER).listen(server.address()).start());
    assertTrue(problem.getMessage().contains("cannot listen on 127.0.0.1:"), problem.getMessage());
  }

  @Test
  void configurationWithGaps() {
    Map.of(
        "nobody could call", world.bare().service(World.fulfilling(ANSWER)),
        "unknown kind", world.server(ANSWER).allowed("reports.internal"),
        "wildcards", world.server(ANSWER).asserting("dns:*.internal"),
        "no service was added", world.bare().allowed(REPORTS),
        "files are missing", IntentServer.builder("x").allowed(REPORTS).service(World.fulfilling(ANSWER)),
        "want an address such as :8443", world.server(ANSWER).listen("localhost")
    ).forEach((problem, builder) -> {
      Exception thrown = assertThrows(IllegalArgumentException.class, builder::start);
      assertTrue(thrown.getMessage().contains(problem), thrown.getMessage());
    });
    assertThrows(IllegalStateException.class, Call::current);
  }
}
