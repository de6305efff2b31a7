import { fromBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { CallerSchema, CallRefSchema } from "../../gen/intentgate/v1/caller_pb.js";
import { Platform } from "../../gen/intentgate/v1/platform_pb.js";
import { isListed } from "../mtls/san.js";
import type { Call, Peer } from "./call.js";
import { keys, type Reserved } from "./metadata.js";
import { type Reason, Refusal } from "./refusal.js";

/** Decides which calls are accepted, by the names in the peer's verified certificate. With no names on its lists, none is. */
export class Policy {
  constructor(
    /** Peers that call on their own account. They may not send any metadata under the reserved prefix. */
    private readonly allowed: ReadonlySet<string>,
    /** Peers that may say for which agent they call: the gateway. They need not be among the allowed ones. */
    private readonly asserting: ReadonlySet<string>,
  ) {}

  /** Returns the call, or throws a {@link Refusal}. */
  judge(peer: Peer, metadata: Reserved): Call {
    if (isListed(this.asserting, peer.names)) return decode(peer, metadata);
    if (!isListed(this.allowed, peer.names)) {
      throw new Refusal(
        Code.PermissionDenied,
        "not_allowed",
        `a certificate with the names ${list(peer.names)}`,
        `one of ${list([...this.allowed, ...this.asserting])}`,
      );
    }
    for (const key of metadata.keys()) {
      throw new Refusal(
        Code.PermissionDenied,
        "may_not_assert",
        `metadata "${key}" from a certificate with the names ${list(peer.names)}`,
        `such metadata only from one of ${list([...this.asserting])}`,
      );
    }
    return { peer, direct: true, requestId: "" };
  }
}

/**
 * Reads what an asserting peer says. The three keys come together, or none does and the call is a direct one. A key of ours that
 * is not known here is a newer gateway's, and tolerated.
 */
function decode(peer: Peer, metadata: Reserved): Call {
  for (const [key, values] of metadata) {
    if (values.length > 1) throw malformed("duplicate_key", `"${key}" ${values.length} times`, "each key once");
  }
  const present = Object.values(keys).filter(({ name }) => metadata.has(name));
  for (const { name, limit } of present) {
    const size = metadata.get(name)?.[0]?.length ?? 0;
    if (size > limit) throw malformed("too_large", `${size} bytes of "${name}"`, `at most ${limit}`);
  }
  if (present.length === 0) return { peer, direct: true, requestId: "" };
  if (present.length < Object.keys(keys).length) {
    throw malformed("incomplete", `only ${list(present.map(({ name }) => name))}`, "all three keys or none");
  }

  const caller = message(CallerSchema, metadata, keys.caller.name);
  const ref = message(CallRefSchema, metadata, keys.call.name);
  const requestId = Buffer.from(metadata.get(keys.requestId.name)?.[0] ?? []).toString("utf8");
  if (caller.platform === Platform.UNSPECIFIED) {
    throw malformed("undecodable", `"${keys.caller.name}" without a platform`, "a caller that says at least its platform");
  }
  if (requestId === "" || requestId !== ref.requestId) {
    const saw = `${JSON.stringify(requestId)}, and ${JSON.stringify(ref.requestId)} in the call reference`;
    throw malformed("request_id_differs", saw, "the same text in both");
  }
  return { peer, direct: false, caller, ref, requestId };
}

function message<S extends typeof CallerSchema | typeof CallRefSchema>(schema: S, metadata: Reserved, key: string) {
  const bytes = metadata.get(key)?.[0];
  try {
    if (bytes === undefined) throw new Error("no base64");
    return fromBinary<S>(schema, bytes);
  } catch (error) {
    throw malformed("undecodable", `"${key}": ${(error as Error).message}`, `an ${schema.typeName}`);
  }
}

function malformed(reason: Reason, saw: string, wanted: string): Refusal {
  return new Refusal(Code.InvalidArgument, reason, saw, wanted);
}

function list(names: readonly string[]): string {
  return `[${names.map((name) => JSON.stringify(name)).join(" ")}]`;
}
