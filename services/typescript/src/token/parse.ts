import { denied, quoted, type Refusal } from "../caller/refusal.js";
import { membersOf, parseJson } from "./json.js";

/** What a token says. A text that it does not say is empty. */
export interface Claims {
  readonly issuer: string;
  /** Seconds of Unix time, as `expires`. */
  readonly issuedAt: number;
  readonly expires: number;
  /** The trust domain. */
  readonly audience: string;
  /** The project, `projects/<number>`, or `projects/<ID>` where no number is known. */
  readonly subject: string;
  /** A name in the gateway's certificate, `dns:…` or `uri:…`. */
  readonly workload: string;
  /** The full name of the gRPC service. */
  readonly target: string;
  /** This and the following bind a token to one turn, and are empty in others. */
  readonly requestId: string;
  readonly session: string;
  /** Unpadded base64url of the SHA-256 of the caller's bytes. */
  readonly callerHash: string;
}

/** A token as it was sent: nothing of it is proven. */
export interface Unverified {
  readonly keyId: string;
  /** What has to be signed. */
  readonly input: string;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** What is later lies beyond what a clock can say. */
const maxSeconds = 2 ** 40;

/** Reads what a token is signed with, and nothing else of it. It throws a {@link Refusal}. */
export function parseToken(raw: string): Unverified {
  const parts = raw.split(".");
  const [header, payload, signature, more] = parts.map(fromBase64url);
  if (header === undefined || payload === undefined || signature === undefined || more !== undefined) {
    throw unreadable(`${parts.length} parts`, "a JWT: three parts in base64url");
  }
  const { alg, typ, kid } = headerOf(header);
  if (alg !== "ES256" || typ !== "txntoken+jwt") {
    throw denied("TOKEN_ALGORITHM", `alg ${quoted(alg)} and typ ${quoted(typ)}`, "alg ES256 and typ txntoken+jwt");
  }
  return { keyId: kid, input: raw.slice(0, raw.lastIndexOf(".")), payload, signature };
}

/** Decodes base64url in its one spelling: no padding, no bits left over. */
function fromBase64url(text: string): Buffer {
  const bytes = Buffer.from(text, "base64url");
  if (bytes.toString("base64url") !== text) throw unreadable("a part that is not base64url", "a JWT: three parts in base64url");
  return bytes;
}

/** A header is exactly this: a token must not bring its own key, nor demand what nobody here knows. */
function headerOf(json: Uint8Array): { readonly alg: string; readonly typ: string; readonly kid: string } {
  const wanted = "alg, typ and kid, each once, and nothing else";
  const members = read(json, "a header that cannot be read", wanted);
  for (const name of members.keys()) {
    if (!["alg", "typ", "kid"].includes(name)) throw unreadable("a header with more in it", wanted);
  }
  const text = (name: string) => textOf(members, name, "a header that cannot be read", wanted);
  return { alg: text("alg"), typ: text("typ"), kid: text("kid") };
}

/** Reads what a token says, once its signature holds. Names that are not known here are a newer gateway's. */
export function parseClaims(json: Uint8Array): Claims {
  const saw = "claims that cannot be read";
  const wanted = "a JSON object, each name once, times in whole seconds";
  const members = read(json, saw, wanted, ["iat", "exp"]);
  const text = (name: string) => textOf(members, name, saw, wanted);
  const seconds = (name: string) => {
    const value = members.get(name);
    if (typeof value === "number" && Number.isInteger(value) && value > 0 && value <= maxSeconds) return value;
    throw unreadable(`no ${name} that is a time`, "iat and exp, in whole seconds since 1970");
  };
  text("jti");
  return {
    issuer: text("iss"),
    issuedAt: seconds("iat"),
    expires: seconds("exp"),
    audience: text("aud"),
    subject: text("sub"),
    workload: text("req_wl"),
    target: text("target"),
    requestId: text("txn"),
    session: text("session"),
    callerHash: text("caller_hash"),
  };
}

/** Nothing of a token is told: what cannot be read may be anything. */
function read(json: Uint8Array, saw: string, wanted: string, whole?: readonly string[]): ReadonlyMap<string, unknown> {
  try {
    const members = membersOf(parseJson(json, whole));
    if (members !== undefined) return members;
  } catch {
    // is told below
  }
  throw unreadable(saw, wanted);
}

function textOf(members: ReadonlyMap<string, unknown>, name: string, saw: string, wanted: string): string {
  const value = members.get(name) ?? "";
  if (typeof value !== "string") throw unreadable(saw, wanted);
  return value;
}

export function unreadable(saw: string, wanted: string): Refusal {
  return denied("TOKEN_MALFORMED", saw, wanted);
}
