import { createHash, randomBytes } from "node:crypto";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { CallerSchema, CallRefSchema } from "../../gen/intentgate/v1/caller_pb.js";
import { Platform } from "../../gen/intentgate/v1/platform_pb.js";
import { keys } from "./metadata.js";

/**
 * Returns the metadata of a call that is made for an agent, for a service that passes a caller on and is listed as asserting by
 * the one that it calls. It throws for what no service would accept. A trace begins anew: one that came with a request is not
 * continued, since whoever may call Dialogflow can set it.
 */
export function outgoing(caller: MessageInitShape<typeof CallerSchema>, ref: MessageInitShape<typeof CallRefSchema>): Headers {
  const from = create(CallerSchema, caller);
  const call = create(CallRefSchema, ref);
  if (from.platform === Platform.UNSPECIFIED) throw new Error("outgoing call: the caller has no platform");
  if (call.requestId === "") throw new Error("outgoing call: the call reference has no request id");
  const values = {
    caller: Buffer.from(toBinary(CallerSchema, from)),
    call: Buffer.from(toBinary(CallRefSchema, call)),
    requestId: Buffer.from(call.requestId),
  };
  const headers = new Headers({ traceparent: `00-${random(16)}-${random(8)}-00` });
  for (const [key, value] of Object.entries(values) as [keyof typeof keys, Buffer][]) {
    const { name, limit } = keys[key];
    if (value.length > limit) {
      throw new Error(`outgoing call: ${name} is ${value.length} bytes long, at most ${limit} are taken`);
    }
    headers.set(name, name.endsWith("-bin") ? value.toString("base64") : value.toString());
  }
  return headers;
}

function random(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}

/** All that makes a call the same call when it is tried again. It holds no certificate and no token: they may be renewed. */
export interface RequestKey {
  /** ES or CX. */
  readonly platform: string;
  readonly projectId: string;
  /** CX: the agent's ID. */
  readonly agent: string;
  readonly environment: string;
  /** The full session name. */
  readonly session: string;
  /** Dialogflow's id of the turn, perhaps empty; undefined leaves it out. */
  readonly turnId?: string | undefined;
  /** CX: the full page name. */
  readonly page: string;
  /** Parameters of a CX form in its order, each value JSON as it was written, empty if there is none. */
  readonly formValues: readonly { readonly name: string; readonly json: string }[];
  readonly event: string;
  /** The full method, such as /intentgate.v1.IntentService/Fulfill. */
  readonly method: string;
  /** The request message, its fields in the order of their numbers, without Turn.id and webhook_json. */
  readonly request: Uint8Array;
}

/**
 * Returns the idempotency key of a call: `1.` and the SHA-256 of the eleven fields in base64url. Each is written as its length in
 * 8 bytes and its bytes, a turn id that is left out as the 8 bytes ff, and the form values as one field made of theirs.
 */
export function requestId(key: RequestKey): string {
  const form = key.formValues.flatMap(({ name, json }) => [part(name), part(json)]);
  const hashed = Buffer.concat([
    ...[key.platform, key.projectId, key.agent, key.environment, key.session].map(part),
    key.turnId === undefined ? Buffer.alloc(8, 0xff) : part(key.turnId),
    part(key.page),
    part(Buffer.concat(form)),
    ...[key.event, key.method].map(part),
    part(key.request),
  ]);
  return `1.${createHash("sha256").update(hashed).digest("base64url")}`;
}

function part(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value as string); // either is taken
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(bytes.length));
  return Buffer.concat([length, bytes]);
}
