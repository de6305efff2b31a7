package io.github.intentgate.service;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.grpc.Context;
import io.grpc.Status;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/**
 * Answers each try of one call the same, and does what it asks for once.
 *
 * <pre>{@code
 * private final OncePerKey once = new OncePerKey();
 * ...
 * responses.onNext(once.answer(RedeemResponse.parser(), () -> redeem(request)));
 * }</pre>
 *
 * <p>What is under way goes on when the caller gives up, since its next try wants to hear how it ended: give the calls that it makes a
 * deadline of their own. Only answers are remembered: what failed is tried again. Two processes with one {@link Store} may still do a thing twice at the same moment; what must not happen even
 * then belongs into a transaction, with the key in a unique column.
 *
 * <p>It may be used by several threads.
 */
public final class OncePerKey {
  private final Store store;
  private final Map<String, CompletableFuture<byte[]>> running = new ConcurrentHashMap<>();

  /** Remembers answers by idempotency key, for some minutes at least. It is used by several threads. */
  public interface Store {
    /** Returns the answer to a key. */
    Optional<byte[]> get(String key);

    /** Remembers the answer to a key. What it answers is done by now: should this fail, the next try does it once more. */
    void put(String key, byte[] answer);
  }

  /** Remembers the latest 4096 answers in memory: enough for one process, and until it ends. */
  public OncePerKey() {
    this(memory(4096));
  }

  /** Remembers answers in a store. */
  public OncePerKey(Store store) {
    this.store = store;
  }

  /** Returns a store in memory, that holds at most so many answers and forgets the oldest. */
  public static Store memory(int limit) {
    Map<String, byte[]> answers = new LinkedHashMap<>() {
      private static final long serialVersionUID = 1;

      @Override
      protected boolean removeEldestEntry(Map.Entry<String, byte[]> eldest) {
        return size() > limit;
      }
    };
    return new Store() {
      @Override
      public synchronized Optional<byte[]> get(String key) {
        return Optional.ofNullable(answers.get(key));
      }

      @Override
      public synchronized void put(String key, byte[] answer) {
        answers.put(key, answer);
      }
    };
  }

  /**
   * Returns the answer to the {@link Call#current() current call}. A direct call has no idempotency key, and is answered each time. A
   * try that comes while an earlier one is under way waits for that, as long as its caller does.
   *
   * @param parser of the answer
   * @param work does what is asked for, in this thread
   * @throws RuntimeException what the work throws
   */
  public <M extends MessageLite> M answer(Parser<M> parser, Supplier<M> work) {
    String key = Call.current().requestId();
    if (key.isEmpty()) {
      return work.get();
    }
    CompletableFuture<byte[]> mine = new CompletableFuture<>();
    CompletableFuture<byte[]> first = running.putIfAbsent(key, mine);
    if (first != null) {
      return parse(parser, await(first));
    }
    try {
      byte[] answer = store.get(key).orElseGet(() -> first(key, work));
      mine.complete(answer);
      return parse(parser, answer);
    } catch (Throwable error) {
      mine.completeExceptionally(error);
      throw error;
    } finally {
      running.remove(key);
    }
  }

  private byte[] first(String key, Supplier<? extends MessageLite> work) {
    Context context = Context.current().fork(); // ends neither with the deadline nor by a cancellation
    Context previous = context.attach();
    try {
      byte[] answer = work.get().toByteArray();
      store.put(key, answer);
      return answer;
    } finally {
      context.detach(previous);
    }
  }

  private static <M> M parse(Parser<M> parser, byte[] answer) {
    try {
      return parser.parseFrom(answer);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException("what is remembered under the idempotency key is no such answer", e);
    }
  }

  private static byte[] await(CompletableFuture<byte[]> first) {
    CompletableFuture<byte[]> waited = first.copy();
    Context context = Context.current();
    Context.CancellationListener giveUp = cancelled -> waited.cancel(false);
    context.addListener(giveUp, Runnable::run);
    try {
      return waited.join();
    } catch (CancellationException e) {
      throw Status.CANCELLED.withDescription("the caller waits no longer").asRuntimeException();
    } catch (CompletionException e) {
      throw e.getCause() instanceof RuntimeException cause ? cause : e;
    } finally {
      context.removeListener(giveUp);
    }
  }
}
