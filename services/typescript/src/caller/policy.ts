import { fromBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { CallerSchema, CallRefSchema } from "../../gen/intentgate/v1/caller_pb.js";
import { Platform } from "../../gen/intentgate/v1/platform_pb.js";
import { isListed } from "../mtls/san.js";
import type { Call, Peer } from "./call.js";
import { keys, type Reserved } from "./metadata.js";
import type { Rules } from "./methods.js";
import { list, malformed, Refusal } from "./refusal.js";
import type { Tokens } from "./tokens.js";

/** Who is accepted. */
export interface Lists {
  /** Peers that call on their own account. They may not send any metadata under the reserved prefix. */
  readonly allowed: ReadonlySet<string>;
  /** Peers that may say for which agent they call: the gateway. They need not be among the allowed ones. */
  readonly asserting: ReadonlySet<string>;
  /** Has callers count only with a token of the gateway's. Health and reflection need none. */
  readonly tokens?: Tokens | undefined;
  /** Says who may call what. Health and reflection obey the lists alone. */
  readonly methods?: Rules | undefined;
}

/** The services that every server has, which whoever may call at all may ask. */
const open: ReadonlySet<string> = new Set([
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
]);

/** Decides which calls are accepted, by the names in the peer's verified certificate. With no names on its lists, none is. */
export class Policy {
  constructor(private readonly lists: Lists) {}

  /** Returns the call of a path such as `/shop.orders.v1.OrderService/TrackOrder`, or throws a {@link Refusal}. */
  async judge(peer: Peer, metadata: Reserved, path: string): Promise<Call> {
    const { tokens, methods } = this.lists;
    const asserting = isListed(this.lists.asserting, peer.names);
    const method = path.replace(/^\//, "");
    const service = method.split("/", 1)[0] ?? "";
    let call: Call;
    if (asserting || tokens?.passesOn(peer, metadata)) {
      call = decode(peer, metadata);
      if (!open.has(service)) await tokens?.judge({ call, metadata, asserting, service });
    } else {
      this.#checkAllowed(peer, metadata);
      call = { peer, direct: true, requestId: "" };
    }
    if (!open.has(service)) methods?.judge(method, call);
    return call;
  }

  #checkAllowed({ names }: Peer, metadata: Reserved): void {
    const { allowed, asserting } = this.lists;
    if (!isListed(allowed, names)) {
      throw new Refusal(
        Code.PermissionDenied,
        "not_allowed",
        `a certificate with the names ${list(names)}`,
        `one of ${list([...allowed, ...asserting])}`,
      );
    }
    for (const key of metadata.keys()) {
      throw new Refusal(
        Code.PermissionDenied,
        "may_not_assert",
        `metadata "${key}" from a certificate with the names ${list(names)}`,
        `such metadata only from one of ${list([...asserting])}`,
      );
    }
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
