import { Code } from "@connectrpc/connect";
import { Caller_Proof } from "../../gen/intentgate/v1/caller_pb.js";
import { Platform } from "../../gen/intentgate/v1/platform_pb.js";
import type { Call } from "../caller/call.js";
import type { Refusal } from "../caller/refusal.js";
import { Duration, type Fields, type Level, type Log } from "../log.js";

/** What is learnt about a call on its way. */
export interface Line {
  readonly method: string;
  /** The names in the certificate of whoever is at the other end of the connection. */
  readonly peer: readonly string[];
  /** undefined until the caller is believed. */
  call?: Call;
  /** 0 is OK. */
  code: Code | 0;
  message: string;
  refusal?: Refusal;
}

/** Writes the line of a call that is over. Nothing of what is asked or answered goes into it, but what a service says in a status. */
export function writeLine(log: Log, line: Line, took: number): void {
  const { call, refusal } = line;
  const fields: Record<string, unknown> = {
    method: line.method.slice(0, 256),
    code: line.code === 0 ? "OK" : Code[line.code],
    duration: new Duration(took),
    peer: line.peer,
  } satisfies Fields;
  if (call?.caller !== undefined) {
    const { platform, projectId } = call.caller;
    fields.caller = {
      platform: Platform[platform] ?? String(platform),
      project: projectId?.value ?? "",
      proof: Caller_Proof[projectId?.proof ?? Caller_Proof.UNSPECIFIED],
    };
    fields.request_id = call.requestId;
  }
  if (refusal !== undefined) fields.refusal = { reason: refusal.reason, saw: refusal.saw, wanted: refusal.wanted };
  else if (line.code !== 0) fields.error = line.message;
  log(levelOf(line), "Call", fields);
}

/** Says how much attention the outcome of a call wants: a bug here, something to look at, or business. */
function levelOf({ code, method }: Line): Level {
  switch (code) {
    case Code.Unknown:
    case Code.Internal:
    case Code.DataLoss:
      return "error";
    case Code.PermissionDenied:
    case Code.Unauthenticated:
    case Code.Unimplemented:
    case Code.DeadlineExceeded:
    case Code.ResourceExhausted:
    case Code.Unavailable:
      return "warn";
    default: // the gateway and the platform ask for health all day long
      return method.startsWith("/grpc.health.v1.Health/") ? "debug" : "info";
  }
}
