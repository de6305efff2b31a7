package io.github.intentgate.service;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ManagedChannelBuilder;
import io.grpc.MethodDescriptor;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import java.time.Clock;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.logging.Logger;
import javax.net.ssl.SSLException;

/** Calling other services with a certificate of one's own. */
public final class Channels {
  private Channels() {}

  /**
   * Returns a builder of a channel over mutual TLS 1.3, each of whose connections is made with the files that are current then.
   *
   * <pre>{@code
   * ManagedChannel channel = Channels.builder("orders.internal:8443", files).build();
   * TrackOrderResponse order = OrderServiceGrpc.newBlockingStub(channel).withDeadlineAfter(5, SECONDS).trackOrder(request);
   * }</pre>
   *
   * <p>A call that a method makes while it answers another ends with that one's deadline, and when that is cancelled.
   *
   * @param target the other service, host and port or any gRPC name. {@code overrideAuthority} says what its certificate names it, where
   *     that is not the host of the target.
   * @param files the program's own certificate, and the authorities that issue the other service's
   * @throws IllegalArgumentException if something is wrong with the files, with all that is
   */
  public static ManagedChannelBuilder<?> builder(String target, Files files) {
    return builder(target, files, new Log(Logger.getLogger(IntentServer.LOGGER), target), Clock.systemUTC());
  }

  static ManagedChannelBuilder<?> builder(String target, Files files, Log log, Clock clock) {
    Identity identity = new Identity(files, log, clock);
    try {
      return NettyChannelBuilder.forTarget(target)
          .sslContext(identity.client())
          .disableServiceConfigLookUp() // no DNS record decides about retries
          .intercept(new Reloading(identity));
    } catch (SSLException e) {
      throw new IllegalArgumentException("TLS to " + target + ": " + e.getMessage(), e);
    }
  }

  /** Looks at the files when calls are made, once a second at most. */
  private static final class Reloading implements ClientInterceptor {
    private static final long AGAIN = TimeUnit.SECONDS.toNanos(1);

    private final Identity identity;
    private final AtomicLong looked = new AtomicLong(System.nanoTime());

    Reloading(Identity identity) {
      this.identity = identity;
    }

    @Override
    public <Q, R> ClientCall<Q, R> interceptCall(MethodDescriptor<Q, R> method, CallOptions options, Channel next) {
      long last = looked.get();
      long now = System.nanoTime();
      if (now - last >= AGAIN && looked.compareAndSet(last, now)) {
        identity.reload();
      }
      return next.newCall(method, options);
    }
  }
}
