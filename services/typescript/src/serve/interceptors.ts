import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type Interceptor } from "@connectrpc/connect";
import type { Log } from "../log.js";

/** Returns a router by which interceptors of a service's own come after those of the server, and do not take their place. */
export function behind(router: ConnectRouter, interceptors: readonly Interceptor[]): ConnectRouter {
  const all = <T extends { interceptors?: Interceptor[] }>(options?: T) =>
    options && { ...options, interceptors: [...interceptors, ...(options.interceptors ?? [])] };
  const outer: ConnectRouter = {
    handlers: router.handlers,
    service(service, implementation, options) {
      router.service(service, implementation, all(options));
      return outer;
    },
    rpc(method, implementation, options) {
      router.rpc(method, implementation, all(options));
      return outer;
    },
  };
  return outer;
}

/**
 * Makes a status of whatever a handler throws. What it did not mean to is INTERNAL, and for the log alone; and a status that comes
 * from a service behind this one keeps its code, message and details, but not the header fields it came with.
 */
export function recovery(log: Log): Interceptor {
  return (next) => async (request) => {
    const method = `/${request.service.typeName}/${request.method.name}`;
    const status = (error: unknown) => statusOf(error, request.signal, (cause) => report(log, method, cause));
    try {
      const response = await next(request);
      if (response.stream) return { ...response, message: recovered(response.message, status) };
      try {
        // It is written after all interceptors, and what is wrong with it then nobody would learn.
        toBinary(response.method.output, response.message);
      } catch (cause) {
        throw new Error(`the answer cannot be written: ${(cause as Error).message}`, { cause });
      }
      return response;
    } catch (error) {
      throw status(error);
    }
  };
}

async function* recovered<T>(messages: AsyncIterable<T>, status: (error: unknown) => ConnectError): AsyncGenerator<T> {
  try {
    yield* messages;
  } catch (error) {
    throw status(error);
  }
}

function statusOf(error: unknown, signal: AbortSignal, report: (cause: unknown) => void): ConnectError {
  if (error instanceof ConnectError) {
    const known = new ConnectError(error.rawMessage.toWellFormed(), error.code, undefined, undefined, error.cause);
    known.details = error.details.flatMap((detail) => {
      if (!("desc" in detail)) return [detail];
      try {
        return [{ type: detail.desc.typeName, value: toBinary(detail.desc, create(detail.desc, detail.value)) }];
      } catch (cause) {
        report(cause); // the status is one all the same, with less to say
        return [];
      }
    });
    return known;
  }
  // Whatever was waiting for something threw because the call is over: that is what it says.
  if (signal.aborted && (error as Error)?.name === "AbortError") return ConnectError.from(signal.reason, Code.Canceled);
  report(error);
  return new ConnectError("internal error", Code.Internal);
}

function report(log: Log, method: string, cause: unknown): void {
  log("error", "Panic", { method, value: String(cause), stack: cause instanceof Error ? cause.stack : undefined });
}
