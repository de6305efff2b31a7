import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { type Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, LocalizedMessageSchema } from "../gen/google/rpc/error_details_pb.js";
import { ReplySchema } from "../gen/intentgate/v1/reply_pb.js";

/** What a refusal says beside its code and its message. */
export interface RefusalDetails {
  /** What the user hears, by language such as `en` or `pt-BR`: the gateway chooses that of the turn. */
  readonly say?: Named;
  /** Which fields of the request are at fault, by path such as `items[0].quantity`, and for developers why. The agent asks again. */
  readonly fields?: Named;
  /** How the conversation goes on. */
  readonly reply?: MessageInitShape<typeof ReplySchema> | undefined;
  /** Any other message, for programs. */
  readonly details?: readonly Detail[];
}

/** A message, with the schema that was generated for it. */
export interface Detail {
  readonly desc: DescMessage;
  readonly value: Record<string, unknown>;
}

/** Texts by name: an object, or pairs where a name may come twice. */
export type Named = Readonly<Record<string, string>> | Iterable<readonly [name: string, text: string]>;

/**
 * Returns the error with which a handler says no:
 *
 * ```ts
 * throw refuse(Code.FailedPrecondition, "the slot is full", {
 *   say: { en: "We are full at two. How about three?", de: "Um zwei sind wir voll. Wie wäre es um drei?" },
 *   fields: { time: "full" },
 * });
 * ```
 *
 * A status is an answer: its details tell the user why, and the conversation how to go on, while programs go by its code. The
 * message is for developers; no user hears it.
 */
export function refuse(code: Code, message: string, { say, fields, reply, details = [] }: RefusalDetails = {}): ConnectError {
  const all: Detail[] = pairs(say).map(([locale, words]) => ({
    desc: LocalizedMessageSchema,
    value: { locale, message: words },
  }));
  const fieldViolations = pairs(fields).map(([field, description]) => ({ field, description }));
  if (fieldViolations.length > 0) all.push({ desc: BadRequestSchema, value: { fieldViolations } });
  if (reply !== undefined) all.push({ desc: ReplySchema, value: create(ReplySchema, reply) });
  return new ConnectError(message, code, undefined, [...all, ...details]);
}

function pairs(named: Named = {}): (readonly [string, string])[] {
  return Symbol.iterator in named ? [...(named as Iterable<readonly [string, string]>)] : Object.entries(named);
}
