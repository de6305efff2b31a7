import type { MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { type DurationSchema, durationFromMs, durationMs } from "@bufbuild/protobuf/wkt";
import { Code, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import {
  type EchoRequest,
  type EchoResponseSchema,
  WaitedResponse_End as End,
  type ProbeService,
  type RefuseRequest,
  type WaitedRequest,
  type WaitRequest,
} from "../../gen/intentgate/conformance/v1/probe_service_pb.js";
import { callOf } from "../caller/call.js";
import { Once } from "../once.js";
import { refuse } from "../refuse.js";

/** What the conformance kit asks of this library, with the same means that services have. */
export class Probe implements Partial<ServiceImpl<typeof ProbeService>> {
  readonly #once = new Once();
  readonly #waits = new Map<string, End>();
  #count = 0n;

  echo(request: EchoRequest, context: HandlerContext): MessageInitShape<typeof EchoResponseSchema> {
    const call = callOf(context);
    const left = context.timeoutMs();
    return {
      request,
      peer: [...call.peer.names],
      direct: call.direct,
      ...(call.caller && { caller: call.caller }),
      ...(call.ref && { ref: call.ref }),
      requestId: call.requestId,
      ...(left !== undefined && { timeLeft: durationFromMs(Math.round(left)) }),
    };
  }

  refuse({ code, message, localized, violations, reply, crash }: RefuseRequest): never {
    if (crash) throw new Error(message);
    throw refuse(code in Code ? code : Code.Unknown, message, {
      say: Object.entries(localized).sort(([a], [b]) => (a < b ? -1 : 1)),
      fields: violations.map(({ field, description }) => [field, description] as const),
      reply,
    });
  }

  async wait({ id, time }: WaitRequest, { signal }: HandlerContext): Promise<Record<string, never>> {
    this.#waits.set(id, End.WAITING);
    try {
      await sleep(time, signal);
      this.#waits.set(id, End.COMPLETED);
      return {};
    } catch (error) {
      this.#waits.set(id, End.CANCELLED);
      throw error;
    }
  }

  waited({ id }: WaitedRequest): { end: End } {
    return { end: this.#waits.get(id) ?? End.UNSPECIFIED };
  }

  once(_: unknown, context: HandlerContext): Promise<{ count: bigint }> {
    return this.#once.answer(context, () => {
      this.#count++;
      return { count: this.#count };
    });
  }
}

function sleep(time: MessageShape<typeof DurationSchema> | undefined, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = setTimeout(resolve, time === undefined ? 0 : durationMs(time));
    const abort = () => {
      clearTimeout(done);
      reject(signal.reason);
    };
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
