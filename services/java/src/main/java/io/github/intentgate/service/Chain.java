package io.github.intentgate.service;

import io.grpc.Attributes;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.ForwardingServerCallListener.SimpleForwardingServerCallListener;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerTransportFilter;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import java.security.cert.X509Certificate;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;

/**
 * What a call passes through before it reaches its method, those of health and reflection too.
 *
 * <p>Each call leaves one line, the refused and the failed ones as well; nothing of what is asked or answered goes into it but a status's message. No method
 * runs, and no request is decoded, for somebody who is not on the lists. An exception that a method did not foresee is INTERNAL for
 * the caller, and told to the log alone.
 */
final class Chain extends ServerTransportFilter implements ServerInterceptor {
  private static final Attributes.Key<Peer> PEER = Attributes.Key.create("intentgate-peer");
  private static final Metadata.Key<byte[]> DETAILS =
      Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER);

  private final Policy policy;
  private final Log log;

  Chain(Policy policy, Log log) {
    this.policy = policy;
    this.log = log;
  }

  /** Notes who is at the other end of a connection, once for all its calls. */
  @Override
  public Attributes transportReady(Attributes attributes) {
    SSLSession session = attributes.get(Grpc.TRANSPORT_ATTR_SSL_SESSION);
    try {
      if (session != null && session.getPeerCertificates()[0] instanceof X509Certificate certificate) {
        return attributes.toBuilder().set(PEER, new Peer(Names.of(certificate), certificate)).build();
      }
    } catch (SSLPeerUnverifiedException e) {
      // Nobody, and treated so.
    }
    return attributes;
  }

  @Override
  public <Q, R> ServerCall.Listener<Q> interceptCall(ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
    Peer peer = call.getAttributes().get(PEER);
    Line line = new Line(log, call.getMethodDescriptor().getFullMethodName(), peer);
    Answer<Q, R> answer = new Answer<>(call, line);
    try {
      if (peer == null) {
        throw new NotAccepted(Status.Code.UNAUTHENTICATED, "no_certificate", "a connection without a verified certificate",
            "a TLS connection with a verified client certificate");
      }
      Call accepted = policy.judge(peer, call.getMethodDescriptor().getFullMethodName(), headers);
      line.accepted(accepted);
      return new Guard<>(Contexts.interceptCall(accepted.in(Context.current()), answer, headers, next), answer);
    } catch (NotAccepted refusal) {
      line.refused(refusal);
      answer.close(refusal.status(), refusal.trailers());
    } catch (Throwable error) { // of a method that streams, which runs at once
      answer.fail(error);
    }
    return new ServerCall.Listener<>() {};
  }

  /** Sees how a call ends. */
  private static final class Answer<Q, R> extends SimpleForwardingServerCall<Q, R> {
    private final Line line;
    private final AtomicBoolean ended = new AtomicBoolean();
    private volatile boolean answered;

    Answer(ServerCall<Q, R> call, Line line) {
      super(call);
      this.line = line;
    }

    @Override
    public void sendMessage(R message) {
      answered = true;
      super.sendMessage(message);
    }

    @Override
    public void close(Status status, Metadata trailers) {
      if (status.isOk() && !answered && getMethodDescriptor().getType().serverSendsOneMessage()) {
        fail(new IllegalStateException("the method has ended without a response"));
      } else if (status.getCode() == Status.Code.UNKNOWN && status.getCause() != null && status.getDescription() == null) {
        fail(status.getCause()); // a method told onError of an exception that is no status
      } else if (ended.compareAndSet(false, true)) {
        super.close(status, trailers);
        line.ended(isCancelled() ? line.cancellation() : status);
      }
    }

    /** Ends the call because of an exception. */
    void fail(Throwable error) {
      Status status = null;
      Metadata theirs = null;
      if (error instanceof StatusRuntimeException e) {
        status = e.getStatus();
        theirs = e.getTrailers();
      } else if (error instanceof StatusException e) {
        status = e.getStatus();
        theirs = e.getTrailers();
      }
      if (status == null || status.isOk()) {
        line.failed(error);
        close(Status.INTERNAL.withDescription("internal error"), new Metadata());
        return;
      }
      // Perhaps it is the status of another service, whose other trailers say nothing here.
      Metadata trailers = new Metadata();
      if (theirs != null && theirs.containsKey(DETAILS)) {
        trailers.put(DETAILS, theirs.get(DETAILS));
      }
      close(status.getDescription() == null ? status.withDescription("") : status, trailers);
    }

    void cancelled() {
      if (ended.compareAndSet(false, true)) {
        line.ended(line.cancellation());
      }
    }
  }

  /** Ends a call when its method throws. */
  private static final class Guard<Q> extends SimpleForwardingServerCallListener<Q> {
    private final Answer<Q, ?> answer;

    Guard(ServerCall.Listener<Q> method, Answer<Q, ?> answer) {
      super(method);
      this.answer = answer;
    }

    @Override
    public void onMessage(Q message) {
      guard(() -> super.onMessage(message));
    }

    @Override
    public void onHalfClose() {
      guard(super::onHalfClose);
    }

    @Override
    public void onReady() {
      guard(super::onReady);
    }

    @Override
    public void onCancel() {
      guard(super::onCancel);
      answer.cancelled();
    }

    @Override
    public void onComplete() {
      guard(super::onComplete);
    }

    private void guard(Runnable step) {
      try {
        step.run();
      } catch (Throwable error) { // assertions and endless recursions of a method are no end of the others
        answer.fail(error);
      }
    }
  }
}
