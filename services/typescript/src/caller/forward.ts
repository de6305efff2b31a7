import type { Call } from "./call.js";
import { keys, tokenKey } from "./metadata.js";
import { outgoing } from "./outgoing.js";

const passedOn = new Set<string>([...Object.values(keys).map(({ name }) => name), tokenKey, "traceparent"]);

/** The header fields that calls came with, keys and values in turn. */
const received = new WeakMap<Call, readonly string[]>();

/** Notes what a call came with. */
export function receive(call: Call, fields: readonly string[]): void {
  received.set(call, fields);
}

/**
 * Returns the metadata of a call of another service on behalf of the same caller: the caller, the call reference, the request id, the
 * token and the trace as they came, and nothing else. The other service has to list this one as a forwarder, or as asserting where it
 * asks for no tokens. It throws for a direct call, which is on nobody's behalf.
 *
 * ```ts
 * await stock.reserve(request, { headers: forward(callOf(context)), signal: context.signal });
 * ```
 */
export function forward(call: Call): Headers {
  if (call.caller === undefined || call.ref === undefined) {
    throw new Error("forward: the call is made for no caller; call the next service as yourself");
  }
  const fields = received.get(call);
  if (fields === undefined) return outgoing(call.caller, call.ref); // made for a test
  const headers = new Headers();
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const [key = "", value = ""] = fields.slice(i, i + 2);
    if (passedOn.has(key) && !headers.has(key)) headers.set(key, value);
  }
  return headers;
}
