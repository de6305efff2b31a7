import { createHash } from "node:crypto";
import { Caller_Proof } from "../../gen/intentgate/v1/caller_pb.js";
import { isListed, parseName } from "../mtls/san.js";
import type { Claims } from "../token/parse.js";
import type { Verifier } from "../token/verifier.js";
import type { Call, Peer } from "./call.js";
import { keys, type Reserved, tokenKey } from "./metadata.js";
import { denied, list, malformed, quoted } from "./refusal.js";

/** A service that passes callers on. */
export interface Forwarder {
  /** A name in its client certificate. */
  readonly peer: string;
  /** The full name of the gRPC service that the gateway calls it by: tokens for it are taken from the peer. */
  readonly target: string;
}

/** Reads `dns:orders.internal=shop.orders.v1.OrderService`. */
export function parseForwarder(text: string): Forwarder {
  const [, peer, target] = /^(.*)=([^=/]+)$/s.exec(text) ?? [];
  const what = `forwarder ${JSON.stringify(text)}`;
  if (peer === undefined || target === undefined) {
    throw new Error(
      `${what}: want the name of a peer and the gRPC service that the gateway calls it by, such as dns:orders.internal=shop.orders.v1.OrderService`,
    );
  }
  try {
    return { peer: parseName(peer), target };
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).message}`);
  }
}

/** A call with what came with it. */
interface Presented {
  readonly call: Call;
  /** Each key of ours once. */
  readonly metadata: Reserved;
  /** Whether the peer is on that list. */
  readonly asserting: boolean;
  /** The full name of the gRPC service that is called. */
  readonly service: string;
}

/**
 * Says when a caller counts: with a token that the gateway has signed, from the connection that it was made for, or from a service
 * that may pass callers on.
 */
export class Tokens {
  constructor(
    private readonly verifier: Pick<Verifier, "verify">,
    private readonly forwarders: readonly Forwarder[],
  ) {}

  /** Tells whether a peer passes a caller on, and may as far as lists go. */
  passesOn({ names }: Peer, metadata: Reserved): boolean {
    return metadata.has(keys.caller.name) && this.forwarders.some(({ peer }) => isListed(new Set([peer]), names));
  }

  /** Throws a Refusal of a caller that no token vouches for. */
  async judge(presented: Presented): Promise<void> {
    const { call, metadata } = presented;
    const token = metadata.get(tokenKey)?.[0];
    if (call.direct && token === undefined) return;
    if (call.direct) throw malformed("incomplete", `"${tokenKey}" alone`, "a caller that it is for");
    if (token === undefined) {
      const wanted = "one that the gateway has signed: caller_tokens in its configuration";
      throw denied("TOKEN_MISSING", `no "${tokenKey}"`, wanted);
    }
    const claims = await this.verifier.verify(token);
    this.#checkPeer(presented, claims);
    checkTurn(presented, claims);
    checkSubject(call, claims);
  }

  /** Wants the token from whom it was made for, or from a forwarder. */
  #checkPeer({ call: { peer }, asserting, service }: Presented, { workload, target, callerHash }: Claims): void {
    if (asserting && isCalled(workload, peer)) {
      if (target !== service) throw denied("TOKEN_TARGET", `target ${quoted(target)}`, service);
      return;
    }
    const targets = this.forwarders.filter((one) => isCalled(one.peer, peer)).map((one) => one.target);
    if (targets.length === 0) {
      const saw = `a token that was made for ${quoted(workload)}`;
      throw denied("TOKEN_PEER", saw, "it from that peer, or from a forwarder");
    }
    if (!targets.includes(target)) {
      throw denied("TOKEN_TARGET", `target ${quoted(target)}`, `one of ${list(targets)}, from this forwarder`);
    }
    if (callerHash === "") {
      const wanted = "one that is bound to a caller, from a forwarder: per_turn: ALWAYS in the gateway's configuration";
      throw denied("TOKEN_CALLER", "a token for many turns", wanted);
    }
  }
}

/** Tells whether a peer has a name. What is no name is nobody's. */
function isCalled(name: string, { names }: Peer): boolean {
  try {
    return isListed(new Set([parseName(name)]), names);
  } catch {
    return false;
  }
}

/** Wants the caller and the turn that the token was made for, where it says so. */
function checkTurn({ call, metadata }: Presented, { callerHash, requestId, session }: Claims): void {
  const hash = createHash("sha256")
    .update(metadata.get(keys.caller.name)?.[0] ?? "")
    .digest("base64url");
  if (callerHash !== "" && callerHash !== hash)
    throw denied("TOKEN_CALLER", `a caller with the hash ${hash}`, quoted(callerHash));
  if (requestId !== "" && requestId !== call.requestId) {
    throw denied("TOKEN_TURN", `request id ${quoted(call.requestId)}`, quoted(requestId));
  }
  if (session !== "" && session !== call.ref?.session) throw denied("TOKEN_TURN", "another session", "that of the token");
}

/** Wants the caller's project in the token, where anything proves it. */
function checkSubject({ caller }: Call, { subject }: Claims): void {
  const values = [caller?.projectNumber, caller?.projectId].filter((value) => value !== undefined);
  const proven = values.some(({ proof }) => proof !== Caller_Proof.STATED);
  const names = values.map(({ value }) => `projects/${value}`);
  if (subject === "" ? !proven : names.includes(subject)) return;
  throw denied("TOKEN_SUBJECT", `sub ${quoted(subject)}`, `one of ${list(names)}`);
}
