package io.github.intentgate.service;

import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.Status;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.logging.Level;

/** What becomes of a call, for the log. */
final class Line {
  private final long start = System.nanoTime();
  private final Deadline deadline = Context.current().getDeadline();
  private final Log log;
  private final String method;
  private final Peer peer;
  private volatile Call call;
  private volatile NotAccepted refusal;
  private volatile Throwable failure;

  Line(Log log, String method, Peer peer) {
    this.log = log;
    this.method = "/" + method;
    this.peer = peer;
  }

  void accepted(Call accepted) {
    call = accepted;
  }

  void refused(NotAccepted why) {
    refusal = why;
  }

  void failed(Throwable why) {
    failure = why;
  }

  /** Returns how a call ends for which nobody waits any more. */
  Status cancellation() {
    Status status = deadline != null && deadline.isExpired() ? Status.DEADLINE_EXCEEDED : Status.CANCELLED;
    return status.withDescription("the caller waits no longer");
  }

  /** Writes the line. */
  void ended(Status status) {
    Level level = level(status.getCode());
    if (level == Level.INFO && method.startsWith("/grpc.health.v1.Health/")) {
      level = Level.FINE; // the gateway and the platform ask all day long
    }
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("method", method);
    fields.put("code", name(status.getCode()));
    fields.put("duration", Duration.ofNanos(System.nanoTime() - start));
    fields.put("peer", peer == null ? List.of() : peer.names());
    if (call != null && !call.direct()) {
      Map<String, Object> caller = new LinkedHashMap<>();
      caller.put("platform", value(call.caller().getPlatform().name()));
      caller.put("project", call.caller().getProjectId().getValue());
      caller.put("proof", value(call.caller().getProjectId().getProof().name()));
      fields.put("caller", caller);
      fields.put("request_id", call.requestId());
    }
    if (refusal != null) {
      fields.put("refusal", refusal.fields());
    } else if (!status.isOk()) {
      fields.put("error", failure != null ? failure.toString() : String.valueOf(status.getDescription()));
    }
    log.write(level, "Call", fields, failure);
  }

  /** Tells how much attention an outcome wants: a bug here, or something to look at; all else is business. */
  private static Level level(Status.Code code) {
    return switch (code) {
      case UNKNOWN, INTERNAL, DATA_LOSS -> Level.SEVERE;
      case PERMISSION_DENIED, UNAUTHENTICATED, UNIMPLEMENTED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE -> Level.WARNING;
      default -> Level.INFO;
    };
  }

  /** Returns a code as the lines of all services and of the gateway have it, such as NotFound. */
  private static String name(Status.Code code) {
    if (code == Status.Code.OK) {
      return "OK";
    } else if (code == Status.Code.CANCELLED) {
      return "Canceled";
    }
    StringBuilder name = new StringBuilder();
    for (String word : code.name().split("_")) {
      name.append(word.charAt(0)).append(word.substring(1).toLowerCase(Locale.ROOT));
    }
    return name.toString();
  }

  /** Returns the name of an enum's value without the prefix that they carry: PLATFORM_ES is ES, PROOF_ID_TOKEN is ID_TOKEN. */
  private static String value(String name) {
    return name.substring(name.indexOf('_') + 1);
  }
}
