import type { X509Certificate } from "node:crypto";
import { type ContextValues, createContextKey, createContextValues } from "@connectrpc/connect";
import type { Caller, CallRef } from "../../gen/intentgate/v1/caller_pb.js";

/** A program that proved its identity with a client certificate. */
export interface Peer {
  readonly certificate: X509Certificate;
  /** The certificate's names as `dns:…`, `uri:…`, `email:…`, `ip:…`. */
  readonly names: readonly string[];
}

/** A call that was accepted. */
export interface Call {
  /** The program at the other end of the connection. */
  readonly peer: Peer;
  /** Whether the peer calls on its own account, and not for a Dialogflow agent. */
  readonly direct: boolean;
  /** The Dialogflow agent that the call is made for, and how each part of that is known; undefined in a direct call. */
  readonly caller?: Caller;
  /** The turn that the call belongs to, as the agent states it; undefined in a direct call. */
  readonly ref?: CallRef;
  /** The idempotency key, equal in each try of one call; empty in a direct call. */
  readonly requestId: string;
}

const key = createContextKey<Call | undefined>(undefined, { description: "IntentGate call" });

/**
 * Returns who calls, and on whose behalf, of the context that a handler gets as its second argument. It throws only where no
 * server of this library stands before the handler, which is a mistake.
 */
export function callOf(context: { readonly values: ContextValues }): Call {
  const call = context.values.get(key);
  if (call === undefined) throw new Error("no call in the context: serve the handler with @intentgate/service");
  return call;
}

/** Returns context values in which {@link callOf} finds the call. A server makes its own; this is for tests of handlers. */
export function valuesWith(call: Call): ContextValues {
  return createContextValues().set(key, call);
}
