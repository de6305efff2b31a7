package io.github.intentgate.service;

import io.grpc.Status;
import java.util.LinkedHashMap;
import java.util.Map;

/** A call is not accepted. The peer is told little; the log what was seen and what was wanted. */
@SuppressWarnings("serial") // nobody writes it anywhere
final class NotAccepted extends Exception {
  private final Status.Code code;
  private final String reason;
  private final String saw;
  private final String wanted;

  /** Makes a refusal, for one of a stable set of reasons, such as not_allowed, to count by. */
  NotAccepted(Status.Code code, String reason, String saw, String wanted) {
    super("caller refused (" + reason + "): saw " + saw + ", wanted " + wanted, null, false, false);
    this.code = code;
    this.reason = reason;
    this.saw = saw;
    this.wanted = wanted;
  }

  String reason() {
    return reason;
  }

  /** Returns what the peer is told. */
  Status status() {
    return code.toStatus().withDescription(switch (code) {
      case UNAUTHENTICATED -> "a client certificate is required";
      case PERMISSION_DENIED -> "caller is not allowed";
      default -> "caller metadata is malformed";
    });
  }

  /** Returns what the log is told. */
  Map<String, Object> fields() {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("reason", reason);
    fields.put("saw", saw);
    fields.put("wanted", wanted);
    return fields;
  }
}
