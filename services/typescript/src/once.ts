import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
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
 * program that calls for itself has no idempotency key, and is answered each time. What fails is not kept: it is tried anew.
 *
 * With a store that outlives the process the answer does too, but what was done and its answer are two things then, and a crash
 * can come between them. Where that matters, keep the key with what is done, in one transaction.
 */
export class Once {
  readonly #underWay = new Map<string, Promise<Uint8Array>>();

  constructor(private readonly store: AnswerStore = new MemoryStore()) {}

  /** Returns the answer to the call: that of `work`, or that of an earlier try. */
  async answer<T extends object>(context: HandlerContext, work: () => Promise<T> | T): Promise<T> {
    const { requestId } = callOf(context);
    if (requestId === "") return work();
    const schema = context.method.output;
    let bytes = this.#underWay.get(requestId);
    if (bytes === undefined) {
      bytes = this.#first(requestId, async () =>
        toBinary(schema, create(schema, (await work()) as MessageInitShape<typeof schema>)),
      );
      this.#underWay.set(requestId, bytes);
      const over = () => this.#underWay.delete(requestId);
      bytes.then(over, over);
    }
    return fromBinary(schema, await bytes) as T;
  }

  async #first(key: string, work: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const earlier = await this.store.get(key);
    if (earlier !== undefined) return earlier;
    const answer = await work();
    // It is done: a store that fails must not make the caller believe that it is not, and try again.
    try {
      await this.store.put(key, answer);
    } catch (error) {
      process.emitWarning(`an answer was not kept, a further try would do it again: ${(error as Error).message}`);
    }
    return answer;
  }
}
