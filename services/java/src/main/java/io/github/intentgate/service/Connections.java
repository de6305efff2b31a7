package io.github.intentgate.service;

import io.grpc.netty.shaded.io.netty.channel.Channel;
import io.grpc.netty.shaded.io.netty.channel.ChannelFactory;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import io.grpc.netty.shaded.io.netty.channel.ChannelInboundHandlerAdapter;
import io.grpc.netty.shaded.io.netty.channel.ServerChannel;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioServerSocketChannel;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslHandler;
import java.nio.channels.ClosedChannelException;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import javax.net.ssl.SSLPeerUnverifiedException;

/**
 * The connections that clients made. One ends when a handshake would refuse its certificate now: when its authority is withdrawn, or a
 * date has passed.
 */
final class Connections implements ChannelFactory<ServerChannel> {
  private static final int BURST = 10;

  private final Trust trust;
  private final Clock clock;
  private final Log log;
  private final Set<Connection> live = ConcurrentHashMap.newKeySet();
  private double budget = BURST;
  private Instant spent = Instant.EPOCH;

  Connections(Trust trust, Clock clock, Log log) {
    this.trust = trust;
    this.clock = clock;
    this.log = log;
  }

  @Override
  public ServerChannel newChannel() {
    NioServerSocketChannel channel = new NioServerSocketChannel();
    channel.pipeline().addLast(new ChannelInboundHandlerAdapter() {
      @Override
      public void channelRead(ChannelHandlerContext context, Object accepted) {
        ((Channel) accepted).pipeline().addLast(new Connection());
        context.fireChannelRead(accepted);
      }
    });
    return channel;
  }

  /** Ends those that are no longer good. Their calls end with them. */
  void judge() {
    live.forEach(Connection::judge);
  }

  /** Tells whether one more line may be written because of a stranger: one a second, ten at a time. */
  private synchronized boolean mayLog() {
    Instant now = clock.instant();
    budget = Math.min(BURST, budget + Math.max(0, now.toEpochMilli() - spent.toEpochMilli()) / 1000.0);
    spent = now;
    if (budget < 1) {
      return false;
    }
    budget--;
    return true;
  }

  /** A connection that was accepted. */
  private final class Connection extends ChannelInboundHandlerAdapter {
    private ChannelHandlerContext context;
    private Certificate[] chain;
    private List<X509Certificate> judgedBy;
    private Instant until;

    @Override
    public void channelActive(ChannelHandlerContext context) {
      this.context = context;
      context.fireChannelActive(); // gRPC puts TLS behind this handler
      SslHandler tls = context.pipeline().get(SslHandler.class);
      tls.handshakeFuture().addListener(done -> {
        if (done.isSuccess()) {
          accepted(tls);
        } else if (!(done.cause() instanceof ClosedChannelException) && mayLog()) { // a port that is only probed is closed
          // Under TLS 1.3 the client hears of it late, and often without the reason.
          log.warning("Handshake failed", "peer", remote(), "error", done.cause());
        }
      });
    }

    private String remote() {
      return String.valueOf(context.channel().remoteAddress()).replaceFirst("^/", "");
    }

    private synchronized void accepted(SslHandler tls) throws SSLPeerUnverifiedException {
      chain = tls.engine().getSession().getPeerCertificates();
      live.add(this);
      context.channel().closeFuture().addListener(closed -> live.remove(this));
      judge(); // the authority may have been withdrawn meanwhile, or the session be one that was resumed
    }

    synchronized void judge() {
      List<X509Certificate> authorities = trust.authorities();
      if (authorities == judgedBy && !clock.instant().isAfter(until)) {
        return;
      }
      try {
        until = trust.until(chain, clock.instant());
        judgedBy = authorities;
      } catch (CertificateException | RuntimeException e) { // what cannot be judged is not good
        boolean first = live.remove(this);
        context.close(); // at once: gRPC's handlers, which would be graceful, are behind this one
        if (first) {
          log.warning("Connection ended, its certificate is no longer good",
              "peer", remote(), "names", Names.of((X509Certificate) chain[0]), "error", e.getMessage());
        }
      }
    }
  }
}
