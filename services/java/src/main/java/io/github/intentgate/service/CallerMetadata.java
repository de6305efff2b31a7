package io.github.intentgate.service;

import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.MessageLite;
import io.github.intentgate.v1.CallRef;
import io.github.intentgate.v1.Caller;
import io.github.intentgate.v1.Platform;
import io.grpc.Metadata;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.security.SecureRandom;
import java.util.HexFormat;

/** The metadata with which a caller travels. */
public final class CallerMetadata {
  /** Reserved: each key that begins with it is the gateway's, known or not. */
  static final String PREFIX = "intentgate-";

  static final Metadata.Key<byte[]> CALLER = Metadata.Key.of(PREFIX + "caller-bin", Metadata.BINARY_BYTE_MARSHALLER);
  static final Metadata.Key<byte[]> CALL = Metadata.Key.of(PREFIX + "call-bin", Metadata.BINARY_BYTE_MARSHALLER);
  static final Metadata.Key<String> REQUEST_ID = Metadata.Key.of(PREFIX + "request-id", Metadata.ASCII_STRING_MARSHALLER);
  static final Metadata.Key<String> TOKEN = Metadata.Key.of(PREFIX + "token", Metadata.ASCII_STRING_MARSHALLER);
  private static final Metadata.Key<String> TRACE_PARENT = Metadata.Key.of("traceparent", Metadata.ASCII_STRING_MARSHALLER);

  // In bytes; real ones are a tenth of that.
  static final int MAX_CALLER = 8 << 10;
  static final int MAX_CALL = 4 << 10;
  static final int MAX_REQUEST_ID = 256;

  private static final SecureRandom RANDOM = new SecureRandom();

  private CallerMetadata() {}

  /**
   * Returns the whole metadata of a call that is made for an agent, with a trace of its own. It is for services that pass a caller
   * on, and stand in the other service's list of asserting callers; {@code MetadataUtils.newAttachHeadersInterceptor} attaches it.
   *
   * <p>The request id has to be that call's own: make one with {@link RequestKey}, or pass on the same only where the two calls are
   * tried again together.
   *
   * @throws IllegalArgumentException if the caller has no platform, the reference no request id, or one of them is too large
   */
  public static Metadata outgoing(Caller caller, CallRef ref) {
    if (caller.getPlatformValue() == Platform.PLATFORM_UNSPECIFIED_VALUE) {
      throw new IllegalArgumentException("outgoing call: the caller has no platform");
    } else if (ref.getRequestId().isEmpty()) {
      throw new IllegalArgumentException("outgoing call: the reference has no request_id; make one with RequestKey");
    }
    Metadata metadata = new Metadata();
    metadata.put(CALLER, bounded(CALLER, marshal(caller), MAX_CALLER));
    metadata.put(CALL, bounded(CALL, marshal(ref), MAX_CALL));
    bounded(REQUEST_ID, ref.getRequestIdBytes().toByteArray(), MAX_REQUEST_ID);
    metadata.put(REQUEST_ID, ref.getRequestId());
    // One that came with a request is not continued: whoever may call Dialogflow can set it.
    byte[] trace = new byte[24];
    RANDOM.nextBytes(trace);
    HexFormat hex = HexFormat.of();
    metadata.put(TRACE_PARENT, "00-" + hex.formatHex(trace, 0, 16) + "-" + hex.formatHex(trace, 16, 24) + "-00");
    return metadata;
  }

  /**
   * Returns the metadata of calls of another service on behalf of the same caller: the caller, the call reference, the request id, the
   * token and the trace of a call, as they came, and nothing else. The other service has to list this one as a forwarder, or as asserting
   * where it asks for no tokens; {@code MetadataUtils.newAttachHeadersInterceptor} attaches it.
   *
   * @throws IllegalArgumentException for a direct call, which is on nobody's behalf: call the next service as yourself
   */
  public static Metadata forward(Call call) {
    if (call.direct()) {
      throw new IllegalArgumentException("forward: the call is made for no caller; call the next service as yourself");
    } else if (call.received() == null) { // by a test
      return outgoing(call.caller(), call.ref());
    }
    Metadata metadata = new Metadata();
    copy(CALLER, call, metadata);
    copy(CALL, call, metadata);
    copy(REQUEST_ID, call, metadata);
    copy(TOKEN, call, metadata);
    copy(TRACE_PARENT, call, metadata);
    return metadata;
  }

  private static <T> void copy(Metadata.Key<T> key, Call call, Metadata metadata) {
    Iterable<T> values = call.received().metadata().getAll(key);
    if (values != null) {
      metadata.put(key, values.iterator().next());
    }
  }

  private static byte[] bounded(Metadata.Key<?> key, byte[] value, int limit) {
    if (value.length > limit) {
      throw new IllegalArgumentException(
          "outgoing call: " + key.name() + " is " + value.length + " bytes long, at most " + limit + " are taken");
    }
    return value;
  }

  /** Returns the bytes of a message, the same each time. */
  private static byte[] marshal(MessageLite message) {
    byte[] bytes = new byte[message.getSerializedSize()];
    CodedOutputStream out = CodedOutputStream.newInstance(bytes);
    out.useDeterministicSerialization();
    try {
      message.writeTo(out);
    } catch (IOException e) { // never: the array is of its size
      throw new UncheckedIOException(e);
    }
    return bytes;
  }
}
