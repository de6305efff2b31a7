package io.github.intentgate.service;

import com.google.protobuf.Any;
import com.google.rpc.ErrorInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import java.util.LinkedHashMap;
import java.util.Locale;
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

  /** Makes a refusal of a program that may call, and is told the reason, which is in capitals. */
  static NotAccepted denied(String reason, String saw, String wanted) {
    return new NotAccepted(Status.Code.PERMISSION_DENIED, reason, saw, wanted);
  }

  /** Returns a text of somebody else's for the log, where it takes so much place and no more. */
  static String quoted(String text, int most) {
    return "\"" + (text.length() > most ? text.substring(0, most) : text) + "\"";
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

  /** Returns the details of what the peer is told: a reason in capitals, for those who may call. */
  Metadata trailers() {
    if (!reason.equals(reason.toUpperCase(Locale.ROOT))) {
      return new Metadata();
    }
    ErrorInfo info = ErrorInfo.newBuilder().setDomain("intentgate").setReason(reason).build();
    return StatusProto.toStatusRuntimeException(com.google.rpc.Status.newBuilder().setCode(code.value())
        .setMessage(status().getDescription()).addDetails(Any.pack(info)).build()).getTrailers();
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
