import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { get } from "node:https";
import type { PeerCertificate } from "node:tls";
import type { Log } from "../log.js";
import { readBytes } from "../mtls/file.js";
import { wrongName } from "../mtls/host.js";
import { watchFiles } from "../mtls/watch.js";
import { membersOf, parseJson } from "./json.js";

const maxDocument = 64 << 10; // bytes
const fetchTime = 5000;
const refresh = 5 * 60_000;

/** How often the keys are read for a token of a key that is not known, at most: anybody could name one. */
const askAgain = 10_000;

/** Where keys come from. */
export interface KeysConfig {
  /** A file, or a URL with https://. */
  readonly source: string;
  /** The authorities by which a URL's server is judged, asked at each fetch. */
  readonly roots: () => readonly X509Certificate[];
  readonly log: Log;
  readonly now: () => Date;
}

/** The public keys of a gateway, by their IDs. Where they cannot be read the last ones stay. */
export class Keys {
  #keys: ReadonlyMap<string, KeyObject> = new Map();
  /** When they were read last. */
  #last = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  #fault = "";
  readonly #isFile: boolean;
  readonly #stop = new AbortController();

  /** A file is read at once, and has to be good. A URL is read once they are watched, or for the first token. */
  constructor(private readonly config: KeysConfig) {
    const { source, now } = config;
    this.#isFile = !source.includes("://");
    if (this.#isFile) {
      this.#take(readBytes(source, maxDocument));
      this.#last = now().getTime();
    } else if (!isPlace(source)) {
      throw new Error(
        `keys of callers' tokens: ${JSON.stringify(source)}: want a file, or a URL such as https://gateway.internal:9900/.well-known/jwks.json`,
      );
    }
  }

  /** Returns a key that is known now. */
  get(id: string): KeyObject | undefined {
    return this.#keys.get(id);
  }

  /** Returns a key. For one that is not known they are read anew, unless they were just now. */
  async find(id: string): Promise<KeyObject | undefined> {
    if (!this.#keys.has(id)) await this.#reading;
    if (!this.#keys.has(id) && Math.abs(this.config.now().getTime() - this.#last) >= askAgain) await this.reload();
    return this.#keys.get(id);
  }

  /** Reads them now. What comes of it is logged. */
  reload(): Promise<void> {
    this.#reading ??= this.#reload().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** Reads them when the file changes, or every five minutes, until the result is called. */
  watch(): () => void {
    const { source, log } = this.config;
    if (this.#isFile) return watchFiles([source], log, () => void this.reload());
    const timer = setInterval(() => void this.reload(), refresh).unref();
    void this.reload();
    return () => {
      clearInterval(timer);
      this.#stop.abort();
    };
  }

  async #reload(): Promise<void> {
    const { source, roots, log, now } = this.config;
    try {
      this.#take(this.#isFile ? readBytes(source, maxDocument) : await fetchBytes(source, roots(), this.#stop.signal));
      this.#fault = "";
    } catch (error) {
      const { message } = error as Error;
      // A folder sees many events: one fault of a file is logged once.
      if (!this.#stop.signal.aborted && !(this.#isFile && message === this.#fault)) {
        log("warn", "Could not read the keys of callers' tokens", { source, keys: this.#keys.size, error: message });
      }
      this.#fault = message;
    } finally {
      this.#last = now().getTime();
    }
  }

  #take(document: Uint8Array): void {
    const { source, log } = this.config;
    const old = this.#keys;
    let keys: Map<string, KeyObject>;
    try {
      keys = parseKeys(document);
    } catch (error) {
      throw new Error(`keys of callers' tokens: ${source}: ${(error as Error).message}`);
    }
    let changed = keys.size !== old.size || this.#fault !== "";
    for (const [id, key] of keys) {
      const before = old.get(id);
      if (before?.equals(key))
        keys.set(id, before); // verdicts know it by its identity
      else changed = true;
    }
    this.#keys = keys;
    if (changed) log("info", "Read the keys of callers' tokens", { source, keys: keys.size });
  }
}

/** Tells whether a text is a URL of https, without a password. */
function isPlace(text: string): boolean {
  if (!/^https:\/\/[^/\\]/i.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === "" && password === "";
}

/** Fetches what is at a URL of https, and nowhere else: a redirect is not followed. */
async function fetchBytes(url: string, roots: readonly X509Certificate[], stop: AbortSignal): Promise<Buffer> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(fetchTime)]);
  const request = get(url, {
    agent: false, // the next fetch is minutes away, and may need other roots
    signal,
    ca: roots.map(String),
    allowPartialTrustChain: true,
    minVersion: "TLSv1.2",
    rejectUnauthorized: true,
    checkServerIdentity: (host: string, { raw }: PeerCertificate) => wrongName(host, new X509Certificate(raw)),
  });
  request.on("error", () => {}); // whoever waits is told
  try {
    const [response] = (await once(request, "response")) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`HTTP status ${response.statusCode}; want 200, and the keys themselves`);
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxDocument) throw new Error("more than 64 KiB; want a JWK set");
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    throw new Error(`keys of callers' tokens: ${url}: ${signal.aborted ? "no answer in time" : (error as Error).message}`);
  } finally {
    request.destroy();
  }
}

/**
 * Reads the P-256 keys of a JWK set (RFC 7517), by their IDs, of which there has to be one at least. Keys of other kinds and for
 * other uses are passed over.
 */
export function parseKeys(document: Uint8Array): Map<string, KeyObject> {
  let set: unknown;
  try {
    set = membersOf(parseJson(document))?.get("keys");
  } catch (error) {
    throw new Error(`no JWK set: ${(error as Error).message}; want {"keys": [...]} as \`intentgate jwks\` prints it`);
  }
  if (!Array.isArray(set)) throw new Error('no JWK set; want {"keys": [...]} as `intentgate jwks` prints it');
  const keys = new Map<string, KeyObject>();
  for (const jwk of set) {
    const [id, key] = keyOf(jwk) ?? [];
    if (id === undefined || key === undefined) continue;
    if (keys.has(id)) throw new Error(`two keys are called ${JSON.stringify(id.slice(0, 64))}; want each once`);
    keys.set(id, key);
  }
  if (keys.size === 0) throw new Error("no key of the curve P-256 with a kid; want those that `intentgate jwks` prints");
  return keys;
}

/** Returns a public key of P-256 for signatures, with its ID. */
function keyOf(jwk: unknown): [id: string, key: KeyObject] | undefined {
  const { kty, crv, kid, x, y, use, alg, d } = Object.fromEntries(membersOf(jwk) ?? []);
  const fits = kty === "EC" && crv === "P-256" && (use || "sig") === "sig" && (alg || "ES256") === "ES256" && d === undefined;
  if (!fits || typeof kid !== "string" || kid === "" || !isCoordinate(x) || !isCoordinate(y)) return undefined;
  try {
    return [kid, createPublicKey({ key: { kty, crv, x, y }, format: "jwk" })]; // throws for a point that is not on the curve
  } catch {
    return undefined;
  }
}

/** 32 bytes in base64url. */
function isCoordinate(value: unknown): value is string {
  return typeof value === "string" && /^[\w-]{43}$/.test(value);
}
