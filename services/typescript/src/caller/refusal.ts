import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";

/**
 * Why a call was not accepted. The reasons are stable: metrics and alerts may count by them. One in capitals is told to the peer,
 * too, as a google.rpc.ErrorInfo of the domain `intentgate`: who hears it is a program that may call.
 */
export type Reason =
  | "not_allowed" // the peer is on no list
  | "may_not_assert" // the peer sends our metadata, but is not asserting
  | "duplicate_key" // a key of ours came more than once
  | "incomplete" // some of the three keys came, but not all
  | "too_large" // a value is longer than any real one
  | "undecodable" // a value is not the message it has to be
  | "request_id_differs" // the request id is not the one in the call reference
  | TokenReason
  | MethodReason;

/** Why a token will not do, in the order in which it is judged. */
export type TokenReason =
  | "TOKEN_MISSING" // a caller came without one
  | "TOKEN_MALFORMED" // it is no JWT, too long, or holds what it must not
  | "TOKEN_ALGORITHM" // it is signed otherwise, or of another type
  | "TOKEN_KEY" // nobody knows the key that it names
  | "TOKEN_SIGNATURE" // its signature does not hold
  | "TOKEN_EXPIRED" // its time is over, has not begun, or is too long
  | "TOKEN_AUDIENCE" // it is for another trust domain
  | "TOKEN_ISSUER" // somebody else issued it
  | "TOKEN_TARGET" // it is for another service, or the forwarder is not listed for that
  | "TOKEN_PEER" // it was made for a connection of somebody else's
  | "TOKEN_CALLER" // it was made for another caller, or a forwarder's is made for none
  | "TOKEN_TURN" // it was made for another turn
  | "TOKEN_SUBJECT"; // it does not say the caller's project

/** Why a method may not be called. */
export type MethodReason =
  | "METHOD_NOT_LISTED" // the policy does not name the method
  | "CALLER_NOT_LISTED" // it names it, for others
  | "PROOF_MISSING"; // it names it, for callers of whom more is proven

/** A call that was not accepted. The peer gets its status, which says little; the log says what was seen and what was wanted. */
export class Refusal extends Error {
  constructor(
    readonly code: Code.InvalidArgument | Code.PermissionDenied,
    readonly reason: Reason,
    readonly saw: string,
    readonly wanted: string,
  ) {
    super(`caller refused (${reason}): saw ${saw}, wanted ${wanted}`);
  }

  /** What the peer gets. */
  get status(): ConnectError {
    const { code, reason } = this;
    const message = code === Code.PermissionDenied ? "caller is not allowed" : "caller metadata is malformed";
    const told = reason === reason.toUpperCase();
    const details = told ? [{ desc: ErrorInfoSchema, value: { domain: "intentgate", reason } }] : [];
    return new ConnectError(message, code, undefined, details);
  }
}

/** Returns the refusal of a caller with a token, or by a policy. */
export function denied(reason: TokenReason | MethodReason, saw: string, wanted: string): Refusal {
  return new Refusal(Code.PermissionDenied, reason, saw, wanted);
}

/** Writes a text of a stranger's for the log. */
export function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 256));
}

/** Writes texts for the log. */
export function list(texts: readonly string[]): string {
  return `[${texts.map((text) => JSON.stringify(text)).join(" ")}]`;
}

/** Returns the refusal of metadata that cannot be. */
export function malformed(reason: Reason, saw: string, wanted: string): Refusal {
  return new Refusal(Code.InvalidArgument, reason, saw, wanted);
}
