package io.github.intentgate.service;

import com.google.protobuf.Duration;
import io.github.intentgate.conformance.v1.EchoRequest;
import io.github.intentgate.conformance.v1.EchoResponse;
import io.github.intentgate.conformance.v1.OnceRequest;
import io.github.intentgate.conformance.v1.OnceResponse;
import io.github.intentgate.conformance.v1.ProbeServiceGrpc;
import io.github.intentgate.conformance.v1.RefuseRequest;
import io.github.intentgate.conformance.v1.RefuseResponse;
import io.github.intentgate.conformance.v1.WaitRequest;
import io.github.intentgate.conformance.v1.WaitResponse;
import io.github.intentgate.conformance.v1.WaitedRequest;
import io.github.intentgate.conformance.v1.WaitedResponse;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** What the conformance kit asks of a service beside what can be seen from outside. It is served in test mode only. */
final class Probe extends ProbeServiceGrpc.ProbeServiceImplBase {
  private final OncePerKey once = new OncePerKey();
  private final AtomicLong count = new AtomicLong();
  private final Map<String, WaitedResponse.End> waits = new ConcurrentHashMap<>();

  @Override
  public void echo(EchoRequest request, StreamObserver<EchoResponse> responses) {
    Call call = Call.current();
    EchoResponse.Builder response = EchoResponse.newBuilder()
        .setRequest(request).addAllPeer(call.peer().names()).setDirect(call.direct()).setRequestId(call.requestId());
    if (!call.direct()) {
      response.setCaller(call.caller()).setRef(call.ref());
    }
    Deadline deadline = Context.current().getDeadline();
    if (deadline != null) {
      java.time.Duration left = java.time.Duration.ofNanos(deadline.timeRemaining(TimeUnit.NANOSECONDS));
      response.setTimeLeft(Duration.newBuilder().setSeconds(left.getSeconds()).setNanos(left.getNano()));
    }
    answer(responses, response.build());
  }

  @Override
  public void refuse(RefuseRequest request, StreamObserver<RefuseResponse> responses) {
    if (request.getCrash()) {
      throw new IllegalStateException(request.getMessage());
    }
    Refuse refusal = Refuse.with(Status.fromCodeValue(request.getCode()).getCode()).message(request.getMessage());
    request.getLocalizedMap().forEach(refusal::saying);
    request.getViolationsList().forEach(violation -> refusal.field(violation.getField(), violation.getDescription()));
    if (request.hasReply()) {
      refusal.reply(request.getReply());
    }
    throw refusal.exception();
  }

  @Override
  public void wait(WaitRequest request, StreamObserver<WaitResponse> responses) {
    waits.put(request.getId(), WaitedResponse.End.END_WAITING);
    CountDownLatch cancelled = new CountDownLatch(1);
    Context.current().addListener(context -> cancelled.countDown(), Runnable::run);
    try {
      Duration time = request.getTime();
      if (cancelled.await(java.time.Duration.ofSeconds(time.getSeconds(), time.getNanos()).toNanos(), TimeUnit.NANOSECONDS)) {
        waits.put(request.getId(), WaitedResponse.End.END_CANCELLED);
        throw Status.CANCELLED.asRuntimeException();
      }
    } catch (InterruptedException e) { // the server has stopped
      waits.put(request.getId(), WaitedResponse.End.END_CANCELLED);
      throw Status.CANCELLED.withCause(e).asRuntimeException();
    }
    waits.put(request.getId(), WaitedResponse.End.END_COMPLETED);
    answer(responses, WaitResponse.getDefaultInstance());
  }

  @Override
  public void waited(WaitedRequest request, StreamObserver<WaitedResponse> responses) {
    WaitedResponse.End end = waits.getOrDefault(request.getId(), WaitedResponse.End.END_UNSPECIFIED);
    answer(responses, WaitedResponse.newBuilder().setEnd(end).build());
  }

  @Override
  public void once(OnceRequest request, StreamObserver<OnceResponse> responses) {
    answer(responses, once.answer(
        OnceResponse.parser(), () -> OnceResponse.newBuilder().setCount(count.incrementAndGet()).build()));
  }

  private static <M> void answer(StreamObserver<M> responses, M response) {
    responses.onNext(response);
    responses.onCompleted();
  }
}
