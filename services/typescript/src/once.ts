import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { callOf } from "./caller/call.js";

/** Keeps answers by idempotency key. A table with a unique column does, or Redis with an expiry of a day. */
export interface AnswerStore {
  /** Returns the answer, or undefined where there is none. */
  get(key: string): Promise<Uint8Array | undefined> | Uint8Array | undefined;
  /** Keeps an answer. */
  put(key: string, answer: Uint8Array): Promise<void> | void;
}

/** Keeps the latest answers in memory, which is enough for one process and for tries within minutes. */
export class MemoryStore implements AnswerStore {
  readonly #answers = new Map<string, Uint8Array>();

  /** @param capacity how many answers are kept: far more than are being tried at one time */
  constructor(private readonly capacity = 1024) {}

  get(key: string): Uint8Array | undefined {
    return this.#answers.get(key);
  }

  put(key: string, answer: Uint8Array): void {
    this.#answers.set(key, answer);
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= this.capacity) break;
      this.#answers.delete(oldest);
    }
  }
}

/**
 * Answers calls that change something. Dialogflow tries again when it got no answer in time: what it asks for is done once,
 * however often it is tried, and each try hears the same. A try that comes while another is under way waits for that one. A
 * program that calls for itself has no idempotency key, and is answered each time. What fails is not kept: the next try does it anew.
 *
 * With a store that outlives the process the answer does too, but what was done and its answer are two things then, and a crash
 * can come between them. Where that matters, keep the key with what is done, in one transaction.
 */
export class Once {
  /** By key, over when the try is. They do not fail. */
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(private readonly store: AnswerStore = new MemoryStore()) {}

  /** Returns the answer to the call: that of `work`, or that of an earlier try. */
  async answer<T extends object>(context: HandlerContext, work: () => Promise<T> | T): Promise<T> {
    const { requestId } = callOf(context);
    if (requestId === "") return work();
    for (let other = this.#underWay.get(requestId); other !== undefined; other = this.#underWay.get(requestId)) {
      await Promise.race([other, ended(context.signal)]);
    }
    const answer = this.#first(requestId, context.method.output, work);
    const over = () => void this.#underWay.delete(requestId);
    this.#underWay.set(requestId, answer.then(over, over));
    return answer;
  }

  async #first<T extends object>(key: string, schema: DescMessage, work: () => Promise<T> | T): Promise<T> {
    const earlier = await this.store.get(key);
    if (earlier !== undefined) return fromBinary(schema, earlier) as unknown as T;
    const answer = await work();
    const bytes = toBinary(schema, create(schema, answer as MessageInitShape<DescMessage>));
    // It is done: a store that fails must not make the caller believe that it is not, and try again.
    try {
      await this.store.put(key, bytes);
    } catch (error) {
      process.emitWarning(`an answer was not kept, a further try would do it again: ${(error as Error).message}`);
    }
    return answer;
  }
}

/** Throws when the call is over for whoever waits. */
function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
