import { createHash, type KeyObject, verify } from "node:crypto";
import { denied, quoted } from "../caller/refusal.js";
import type { Keys } from "./keys.js";
import { type Claims, parseClaims, parseToken, unreadable } from "./parse.js";

/** How long the longest token is, in bytes. Real ones have a fifth of it. */
const maxSize = 4 << 10;

/** How far the clocks of a gateway and a service may be apart, in seconds. */
const skew = 30;

/** Bounds what a token says of its end, in seconds: a mistake in it is not to last for years. */
const maxLife = 3 * 3600;

/** What a verifier is made of. */
export interface VerifierConfig {
  readonly keys: Pick<Keys, "get" | "find">;
  /** Whom tokens are for. */
  readonly trustDomain: string;
  /** Who must have issued them; empty: whoever has the keys. */
  readonly issuer: string;
  readonly now: () => Date;
}

/** What remains of a token whose signature held. */
interface Verdict {
  readonly keyId: string;
  readonly key: KeyObject;
  readonly claims: Claims;
}

/** Verifies tokens: that the gateway has signed them, for these services, and for now. Whether one fits a call others judge. */
export class Verifier {
  readonly #seen = new Map<string, Verdict>();

  /** @param capacity how many tokens are remembered */
  constructor(
    private readonly config: VerifierConfig,
    private readonly capacity = 10_000,
  ) {}

  /**
   * Returns what a token says, or throws a Refusal. The signature of a token is verified once, as long as its key is known; its time
   * counts each time. Where the key is not known this may wait for the keys to be read anew.
   */
  async verify(token: Uint8Array): Promise<Claims> {
    if (token.length > maxSize) throw unreadable(`${token.length} bytes`, `at most ${maxSize}`);
    const hash = createHash("sha256").update(token).digest("base64");
    const known = this.#seen.get(hash);
    if (known !== undefined && known.key === this.config.keys.get(known.keyId)) {
      this.#judge(known.claims);
      return known.claims;
    }
    const verdict = await this.#prove(Buffer.from(token).toString("latin1"));
    this.#judge(verdict.claims);
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size < this.capacity) break;
      this.#seen.delete(oldest);
    }
    this.#seen.set(hash, verdict);
    return verdict.claims;
  }

  /** Verifies the signature. */
  async #prove(raw: string): Promise<Verdict> {
    const { keyId, input, payload, signature } = parseToken(raw);
    const key = await this.config.keys.find(keyId);
    if (key === undefined) throw denied("TOKEN_KEY", `kid ${quoted(keyId)}`, "one of the gateway's keys");
    const holds = signature.length === 64 && verify("sha256", Buffer.from(input), { key, dsaEncoding: "ieee-p1363" }, signature);
    if (!holds) {
      throw denied("TOKEN_SIGNATURE", `a signature that does not hold, by key ${quoted(keyId)}`, "one by that key");
    }
    return { keyId, key, claims: parseClaims(payload) };
  }

  /** Compares claims with what is wanted, and with the clock. */
  #judge({ issuedAt, expires, audience, issuer }: Claims): void {
    const { now, trustDomain, issuer: wanted } = this.config;
    const seconds = now().getTime() / 1000;
    if (issuedAt > seconds + skew || seconds > expires + skew || expires - issuedAt > maxLife) {
      const saw = `one from ${time(issuedAt)} until ${time(expires)}`;
      throw denied("TOKEN_EXPIRED", saw, `a token of now, ${time(seconds)}, that lasts 3h at most`);
    }
    if (audience !== trustDomain) throw denied("TOKEN_AUDIENCE", `aud ${quoted(audience)}`, trustDomain);
    if (wanted !== "" && issuer !== wanted) throw denied("TOKEN_ISSUER", `iss ${quoted(issuer)}`, wanted);
  }
}

/** Writes a time; what is too late for a date stays a number. */
function time(seconds: number): string {
  return seconds < 2 ** 38 ? new Date(Math.floor(seconds) * 1000).toISOString() : `${seconds} s`;
}
