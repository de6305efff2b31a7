package io.github.intentgate.service;

import com.google.protobuf.Any;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.LocalizedMessage;
import io.github.intentgate.v1.Reply;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Makes the statuses with which a service says no. A status is an answer: its details tell the user why, and the conversation how to go
 * on, while programs go by its code.
 *
 * <pre>{@code
 * throw Refuse.with(Status.Code.NOT_FOUND)
 *     .saying("en", "There is no such order.")
 *     .saying("de", "Diese Bestellung gibt es nicht.")
 *     .exception();
 * }</pre>
 */
public final class Refuse {
  private final Status.Code code;
  private String message;
  private final Map<String, String> words = new LinkedHashMap<>();
  private final BadRequest.Builder fields = BadRequest.newBuilder();
  private final List<Message> details = new ArrayList<>();

  private Refuse(Status.Code code) {
    if (code == Status.Code.OK) {
      throw new IllegalArgumentException("a refusal with the code OK: return a response instead");
    }
    this.code = code;
  }

  /** Begins a refusal with any code but OK. */
  public static Refuse with(Status.Code code) {
    return new Refuse(code);
  }

  /**
   * Says something to developers; no user hears it, and it is in the log. Without it they read the English words, or the first: where
   * those hold what a user said, give them something else.
   */
  public Refuse message(String text) {
    message = text;
    return this;
  }

  /** Says something to the user, in a language such as {@code en} or {@code pt-BR}. In several languages the gateway chooses. */
  public Refuse saying(String language, String text) {
    words.put(language, text);
    return this;
  }

  /**
   * Says which field of the request is at fault, by its path such as {@code items[0].quantity}, and to developers why. An agent asks
   * for its parameter again.
   */
  public Refuse field(String path, String problem) {
    fields.addFieldViolations(BadRequest.FieldViolation.newBuilder().setField(path).setDescription(problem));
    return this;
  }

  /** Says what else becomes of the conversation, such as alternatives to choose from. */
  public Refuse reply(Reply reply) {
    return detail(reply);
  }

  /** Adds any other detail. */
  public Refuse detail(Message detail) {
    details.add(detail);
    return this;
  }

  /** Returns the exception to throw, or to tell {@code onError}. */
  public StatusRuntimeException exception() {
    com.google.rpc.Status.Builder status = com.google.rpc.Status.newBuilder().setCode(code.value());
    status.setMessage(message != null ? message : words.getOrDefault("en", words.values().stream().findFirst().orElse("")));
    words.forEach((language, text) ->
        status.addDetails(Any.pack(LocalizedMessage.newBuilder().setLocale(language).setMessage(text).build())));
    if (fields.getFieldViolationsCount() > 0) {
      status.addDetails(Any.pack(fields.build()));
    }
    details.forEach(detail -> status.addDetails(Any.pack(detail)));
    return StatusProto.toStatusRuntimeException(status.build());
  }
}
