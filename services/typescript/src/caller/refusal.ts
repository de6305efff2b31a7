import { Code, ConnectError } from "@connectrpc/connect";

/** Why a call was not accepted. The reasons are stable: metrics and alerts may count by them. */
export type Reason =
  | "not_allowed" // the peer is on no list
  | "may_not_assert" // the peer sends our metadata, but is not asserting
  | "duplicate_key" // a key of ours came more than once
  | "incomplete" // some of the three keys came, but not all
  | "too_large" // a value is longer than any real one
  | "undecodable" // a value is not the message it has to be
  | "request_id_differs"; // the request id is not the one in the call reference

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
    const message = this.code === Code.PermissionDenied ? "caller is not allowed" : "caller metadata is malformed";
    return new ConnectError(message, this.code);
  }
}
