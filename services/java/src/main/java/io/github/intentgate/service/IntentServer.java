package io.github.intentgate.service;

import io.grpc.BindableService;
import io.grpc.Server;
import io.grpc.ServerBuilder;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.nio.NioIoHandler;
import io.grpc.netty.shaded.io.netty.util.concurrent.DefaultThreadFactory;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Collectors;

/**
 * A gRPC server that speaks mutual TLS 1.3 and nothing else. It answers from {@link Builder#start} to {@link #stop}, and keeps the process
 * alive as long.
 */
public final class IntentServer {
  static final String LOGGER = "io.github.intentgate.service";

  private static final int MAX_REQUEST = 4 << 20; // bytes; a webhook's body is a quarter of that at most
  private static final int MAX_HEADERS = 32 << 10;
  private static final int MAX_STREAMS = 1024; // calls at one time on one connection
  private static final long HANDSHAKE_SECONDS = 10;
  // How often a caller may ping without being told to calm down. Callers do it every five minutes; the network may bring two pings
  // closer together.
  private static final long PINGS_APART_SECONDS = 60;

  private final Builder config;
  private final Log log;
  private final Health health;
  private final Server server;
  private final EventLoopGroup threads;
  private final ScheduledExecutorService watching;

  private IntentServer(Builder config) throws IOException {
    this.config = config;
    log = new Log(config.logger, config.name);
    config.check();
    if (config.services.isEmpty()) {
      throw new IllegalArgumentException("service " + config.name + ": no service was added: there is nothing to serve");
    } else if (config.files == null) {
      throw new IllegalArgumentException("service " + config.name + ": files are missing: want its certificate, key and authorities");
    }
    Identity identity = new Identity(config.files, log, config.clock);
    Connections connections = new Connections(identity.trust(), config.clock, log);
    Tokens.Opened tokens = config.tokens == null ? null : config.tokens.open(identity.trust(), log, config.clock);
    Chain chain = new Chain(config.policy(tokens == null ? null : tokens.policy()), log);
    health = new Health(config.services.stream().map(s -> s.getServiceDescriptor().getName()).collect(Collectors.toSet()));

    String threadsName = "intentgate-" + config.name;
    // As long as they run the process does not end because its main has.
    threads = new MultiThreadIoEventLoopGroup(0, new DefaultThreadFactory(threadsName, false), NioIoHandler.newFactory());
    NettyServerBuilder builder = NettyServerBuilder.forAddress(config.address())
        .sslContext(identity.server())
        .channelFactory(connections).bossEventLoopGroup(threads).workerEventLoopGroup(threads)
        .maxInboundMessageSize(MAX_REQUEST)
        .maxInboundMetadataSize(MAX_HEADERS)
        .maxConcurrentCallsPerConnection(MAX_STREAMS)
        .handshakeTimeout(HANDSHAKE_SECONDS, TimeUnit.SECONDS)
        .permitKeepAliveTime(PINGS_APART_SECONDS, TimeUnit.SECONDS)
        .permitKeepAliveWithoutCalls(true)
        .maxConnectionAge(config.maxConnectionAge.toMillis(), TimeUnit.MILLISECONDS)
        .maxConnectionAgeGrace(config.drain.toMillis(), TimeUnit.MILLISECONDS)
        .addTransportFilter(chain);
    config.configure.accept(builder);
    // A method that is not there goes through the chain, too, so that strangers learn nothing, and the log does.
    builder.fallbackHandlerRegistry(new Unknown());
    builder.intercept(chain); // the last is the outermost
    List<ServerServiceDefinition> all = new ArrayList<>(config.services);
    all.add(health.bindService());
    all.add(ProtoReflectionServiceV1.newInstance().bindService());
    // Requests are decoded inside the chain, which refuses before, and sees what cannot be decoded.
    all.forEach(service -> builder.addService(ServerInterceptors.useInputStreamMessages(service)));
    server = builder.build();
    try {
      server.start();
    } catch (IOException e) {
      threads.shutdownGracefully(0, 0, TimeUnit.SECONDS);
      throw new IOException("service " + config.name + ": cannot listen on " + config.listen + ": " + e.getCause(), e);
    }
    watching = Executors.newSingleThreadScheduledExecutor(new DefaultThreadFactory(threadsName, true));
    // Files are small, and this works where no file system tells of changes.
    long again = config.reload.toNanos();
    for (Runnable each : List.<Runnable>of(identity::reload, connections::judge, tokens == null ? () -> {} : tokens.look())) {
      watching.scheduleWithFixedDelay(() -> always(each), again, again, TimeUnit.NANOSECONDS);
    }
    log.info("Listening", "address", address());
  }

  /** Does what is done again and again, and would not be any more after an exception. */
  private void always(Runnable work) {
    try {
      work.run();
    } catch (RuntimeException e) {
      log.write(Level.SEVERE, "Looking after certificates failed", Map.of("error", e), e);
    }
  }

  /** Begins to describe a server, by the service's name in the log, such as {@code payments}. */
  public static Builder builder(String name) {
    return new Builder(name);
  }

  /** Returns where the server listens, such as {@code 127.0.0.1:8443}. */
  public String address() {
    InetSocketAddress address = (InetSocketAddress) server.getListenSockets().get(0);
    String host = address.getHostString();
    return (host.contains(":") ? "[" + host + "]" : host) + ":" + address.getPort();
  }

  /**
   * Says NOT_SERVING, takes no more calls, and returns when those in flight are done. It is called once.
   *
   * @return whether all were; otherwise they were cut off
   * @throws InterruptedException if the thread is interrupted, which cuts them off, too
   */
  public boolean stop() throws InterruptedException {
    log.info("Draining", "limit", config.drain);
    health.stop();
    server.shutdown();
    try {
      // Certificates are looked after while calls in flight end, too.
      return server.awaitTermination(config.drain.toNanos(), TimeUnit.NANOSECONDS);
    } finally {
      server.shutdownNow();
      watching.shutdownNow();
      threads.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }
  }

  /** What a server is made of. */
  public static final class Builder {
    private final String name;
    private final List<ServerServiceDefinition> services = new ArrayList<>();
    private final List<String> allowed = new ArrayList<>();
    private final List<String> asserting = new ArrayList<>();
    private Tokens tokens;
    private Methods methods;
    private String listen = ":8443";
    private Files files;
    private Duration drain = Duration.ofSeconds(30);
    private Duration maxConnectionAge = Duration.ofMinutes(30);
    private Consumer<ServerBuilder<?>> configure = builder -> {};
    private Logger logger = Logger.getLogger(LOGGER);
    private Clock clock = Clock.systemUTC();
    private Duration reload = Duration.ofSeconds(1);

    private Builder(String name) {
      this.name = name;
    }

    /** Serves a service. */
    public Builder service(BindableService service) {
      return service(service.bindService());
    }

    /** Serves a service, perhaps one with interceptors of its own, which then see typed messages. */
    public Builder service(ServerServiceDefinition service) {
      services.add(service);
      return this;
    }

    /** Listens on an address such as {@code :8443}, the default, or {@code 127.0.0.1:0}; port 0 takes any free one. */
    public Builder listen(String address) {
      listen = address;
      return this;
    }

    /** Takes the server's own certificate and the authorities of its callers from files. */
    public Builder files(Files theFiles) {
      files = theFiles;
      return this;
    }

    /**
     * Allows callers that call for themselves, each {@code dns:<name>} or {@code uri:<id>}, compared exactly with the names of their
     * certificates. Nobody is allowed by default.
     */
    public Builder allowed(String... names) {
      allowed.addAll(List.of(names));
      return this;
    }

    /** Believes callers when they say on whose behalf they call: the gateway. They need not be allowed besides. */
    public Builder asserting(String... names) {
      asserting.addAll(List.of(names));
      return this;
    }

    /** Has callers count only with a token that the gateway has signed. By default they count without. */
    public Builder tokens(Tokens whose) {
      tokens = whose;
      return this;
    }

    /** Says who may call which method, and for whom. By default whoever may call may call all. */
    public Builder methods(Methods rules) {
      methods = rules;
      return this;
    }

    /** Says how long calls in flight may take to end once the server is told to stop; 30 seconds by default. */
    public Builder drain(Duration limit) {
      drain = limit;
      return this;
    }

    /** Says how long a connection lasts, give or take a tenth; then the caller is told to connect anew. 30 minutes by default. */
    public Builder maxConnectionAge(Duration age) {
      maxConnectionAge = age;
      return this;
    }

    /**
     * Configures gRPC's own builder: its executor, OpenTelemetry by {@code GrpcOpenTelemetry.configureServerBuilder}, interceptors. The
     * latter stand between the rules about callers and the methods, and see messages as streams of bytes.
     */
    public Builder configure(Consumer<ServerBuilder<?>> with) {
      configure = configure.andThen(with);
      return this;
    }

    /** Takes one line a call, and what else there is to tell; by default {@code io.github.intentgate.service}. */
    public Builder logger(Logger theLogger) {
      logger = theLogger;
      return this;
    }

    /** The clock that certificates are compared with. */
    Builder clock(Clock theClock) {
      clock = theClock;
      return this;
    }

    /** How often files are looked at. */
    Builder reload(Duration every) {
      reload = every;
      return this;
    }

    List<ServerServiceDefinition> services() {
      return services;
    }

    /** Refuses what is wrong with the rules about callers. */
    void check() {
      if (allowed.isEmpty() && asserting.isEmpty() && (tokens == null || !tokens.hasForwarders())) {
        throw new IllegalArgumentException("nobody could call: allowed and asserting are both empty; "
            + "name the gateway's certificate in asserting (--assert), such as dns:gateway.internal");
      } else if (tokens != null) {
        tokens.check();
      }
      Policy policy = policy(null);
      if (methods != null) {
        Set<String> peers = new TreeSet<>(policy.allowed());
        peers.addAll(policy.asserting());
        methods.check(peers, services.stream().map(ServerServiceDefinition::getServiceDescriptor).toList());
      }
    }

    Policy policy(TokenPolicy judging) {
      return new Policy(Set.copyOf(Names.parseAll(allowed)), Set.copyOf(Names.parseAll(asserting)), judging, methods);
    }

    InetSocketAddress address() {
      int colon = listen.lastIndexOf(':');
      try {
        int port = Integer.parseInt(listen.substring(colon + 1));
        String host = colon < 0 ? "" : listen.substring(0, colon).replaceAll("^\\[(.*)]$", "$1");
        return host.isEmpty() ? new InetSocketAddress(port) : new InetSocketAddress(host, port);
      } catch (IllegalArgumentException e) {
        throw new IllegalArgumentException("cannot listen on \"" + listen + "\": want an address such as :8443", e);
      }
    }

    /**
     * Checks the configuration, reads the certificates, opens the port and begins to answer.
     *
     * @throws IllegalArgumentException if something is wrong with the configuration or the certificates
     * @throws IOException if the port cannot be opened
     */
    public IntentServer start() throws IOException {
      return new IntentServer(this);
    }
  }
}
