package io.github.intentgate.service;

import io.github.intentgate.v1.CallRef;
import io.github.intentgate.v1.Caller;
import io.grpc.Context;
import io.grpc.Metadata;
import java.util.Objects;

/**
 * A call that a server accepted: who is at the other end of the connection, and on whose behalf.
 *
 * @param peer the program at the other end of the connection
 * @param caller the Dialogflow agent that the call is made for; the default instance in a direct call of the peer
 * @param ref the turn that the call belongs to, as the agent states it; the default instance in a direct call
 * @param requestId the idempotency key, equal in each try of one call; empty in a direct call
 * @param received what the caller came with, for {@link CallerMetadata#forward}; null in a direct call, and where a test made it
 */
public record Call(Peer peer, Caller caller, CallRef ref, String requestId, Received received) {
  private static final Context.Key<Call> KEY = Context.key("intentgate-call");

  /** Makes sure that all is there. */
  public Call {
    Objects.requireNonNull(peer, "peer");
    Objects.requireNonNull(caller, "caller");
    Objects.requireNonNull(ref, "ref");
    Objects.requireNonNull(requestId, "requestId");
  }

  /** Makes a call that came with nothing, for tests. */
  public Call(Peer peer, Caller caller, CallRef ref, String requestId) {
    this(peer, caller, ref, requestId, null);
  }

  /** Metadata as it came, with a token perhaps: it is for nobody to read, and no log has it. */
  public static final class Received {
    private final Metadata metadata;

    Received(Metadata metadata) {
      this.metadata = metadata;
    }

    Metadata metadata() {
      return metadata;
    }

    @Override
    public String toString() {
      return "Received";
    }
  }

  /** Returns a call that a peer makes for itself. */
  public static Call direct(Peer peer) {
    return new Call(peer, Caller.getDefaultInstance(), CallRef.getDefaultInstance(), "");
  }

  /** Tells whether the peer calls on its own account, and not for a Dialogflow agent. */
  public boolean direct() {
    return requestId.isEmpty();
  }

  /**
   * Returns the call that is being answered. It goes where gRPC's {@link Context} goes: threads of one's own are given it by
   * {@link Context#wrap(Runnable)}.
   *
   * @throws IllegalStateException if there is none, since this runs outside the methods of an {@link IntentServer}: treat it as a
   *     refusal
   */
  public static Call current() {
    Call call = KEY.get();
    if (call == null) {
      throw new IllegalStateException("no call here: only methods of an IntentServer have one, and threads with their Context");
    }
    return call;
  }

  /** Returns a context in which the call is the current one. A server does that; this is for tests of methods without one. */
  public Context in(Context context) {
    return context.withValue(KEY, this);
  }
}
