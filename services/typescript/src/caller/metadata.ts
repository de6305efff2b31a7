/** Every key of the metadata that begins with it is IntentGate's, known or not. */
export const prefix = "intentgate-";

/** The keys that carry a caller, with the sizes in bytes beyond which values are neither sent nor accepted. */
export const keys = {
  /** An intentgate.v1.Caller. */
  caller: { name: "intentgate-caller-bin", limit: 8 << 10 },
  /** An intentgate.v1.CallRef. */
  call: { name: "intentgate-call-bin", limit: 4 << 10 },
  /** The text of CallRef.request_id once more, for those who read no protobuf. */
  requestId: { name: "intentgate-request-id", limit: 256 },
} as const;

/** The key in which the gateway signs for whom it calls. */
export const tokenKey = "intentgate-token";

/** The metadata of a call under the reserved prefix: by key each value that came, as bytes. */
export type Reserved = ReadonlyMap<string, readonly (Uint8Array | undefined)[]>;

/** Picks what is reserved out of header fields as HTTP/2 brought them, keys and values in turn. */
export function reserved(fields: readonly string[]): Reserved {
  const found = new Map<string, (Uint8Array | undefined)[]>();
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const key = fields[i] ?? "";
    const value = fields[i + 1] ?? "";
    if (!key.startsWith(prefix)) continue;
    const values = found.get(key) ?? [];
    found.set(key, values);
    // gRPC lets several binary values stand in one field, between commas.
    if (key.endsWith("-bin")) values.push(...value.split(",").map((one) => fromBase64(one.trim())));
    else values.push(Buffer.from(value, "latin1"));
  }
  return found;
}

/** Decodes base64, padded or not; undefined where it is none. */
function fromBase64(text: string): Uint8Array | undefined {
  return /^[A-Za-z0-9+/]*={0,2}$/.test(text) ? Buffer.from(text, "base64") : undefined;
}
