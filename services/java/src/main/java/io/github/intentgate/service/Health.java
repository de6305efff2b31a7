package io.github.intentgate.service;

import io.grpc.Status;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.HashSet;
import java.util.Set;

/** Says that services are well until the server stops, and ends the streams of those who watch then: gRPC's own would not. */
final class Health extends HealthGrpc.HealthImplBase {
  private final Set<String> services;
  private final Set<Watcher> watchers = new HashSet<>();
  private boolean stopped;

  /** Serves names of services, and the server as a whole. */
  Health(Set<String> services) {
    this.services = new HashSet<>(services);
    this.services.add("");
  }

  private record Watcher(StreamObserver<HealthCheckResponse> responses, boolean known) {}

  synchronized void stop() {
    stopped = true;
    for (Watcher watcher : watchers) {
      if (watcher.known()) {
        watcher.responses().onNext(response(ServingStatus.NOT_SERVING));
      }
      watcher.responses().onCompleted();
    }
    watchers.clear();
  }

  private synchronized ServingStatus status(String service) {
    if (!services.contains(service)) {
      return ServingStatus.SERVICE_UNKNOWN;
    }
    return stopped ? ServingStatus.NOT_SERVING : ServingStatus.SERVING;
  }

  private static HealthCheckResponse response(ServingStatus status) {
    return HealthCheckResponse.newBuilder().setStatus(status).build();
  }

  @Override
  public void check(HealthCheckRequest request, StreamObserver<HealthCheckResponse> responses) {
    ServingStatus status = status(request.getService());
    if (status == ServingStatus.SERVICE_UNKNOWN) {
      throw Status.NOT_FOUND.withDescription("unknown service").asRuntimeException();
    }
    responses.onNext(response(status));
    responses.onCompleted();
  }

  @Override
  public synchronized void watch(HealthCheckRequest request, StreamObserver<HealthCheckResponse> responses) {
    ServingStatus status = status(request.getService());
    responses.onNext(response(status));
    if (stopped) {
      responses.onCompleted();
      return;
    }
    Watcher watcher = new Watcher(responses, status != ServingStatus.SERVICE_UNKNOWN);
    watchers.add(watcher);
    ((ServerCallStreamObserver<?>) responses).setOnCancelHandler(() -> {
      synchronized (this) {
        watchers.remove(watcher);
      }
    });
  }
}
