import { createHash, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from "node:crypto";
import { outgoing } from "@intentgate/service";

/** What {@link turn} says of a caller, and what else it is to say. */
export interface Turn {
  readonly requestId?: string;
  readonly project?: string;
  /** The claims of its token that are to be others; undefined leaves one out. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** A key of a gateway's, which signs tokens. */
export class Signer {
  readonly jwk: JsonWebKey & { readonly kid: string };
  readonly #key: KeyObject;

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const { crv, kty, x, y } = publicKey.export({ format: "jwk" });
    const kid = createHash("sha256").update(JSON.stringify({ crv, kty, x, y })).digest("base64url"); // RFC 7638
    this.jwk = { kty, crv, x, y, kid, use: "sig", alg: "ES256" } as Signer["jwk"];
    this.#key = privateKey;
  }

  /** Returns a token of these claims. */
  token(claims: object, header: object = { alg: "ES256", kid: this.jwk.kid, typ: "txntoken+jwt" }): string {
    const input = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
    const signature = sign("sha256", Buffer.from(input), { key: this.#key, dsaEncoding: "ieee-p1363" });
    return `${input}.${signature.toString("base64url")}`;
  }

  /** Returns the metadata of a call that dns:gateway.internal makes of a service for a caller, with a token for this turn alone. */
  turn(target: string, { requestId = "1.a", project = "415104041262", claims = {} }: Turn = {}): Headers {
    const headers = outgoing({ platform: 2, projectNumber: { value: project, proof: 3 } }, { session: "s", requestId });
    const now = Math.floor(Date.now() / 1000);
    const callerHash = createHash("sha256")
      .update(Buffer.from(headers.get("intentgate-caller-bin") ?? "", "base64"))
      .digest("base64url");
    const said = {
      iss: "https://gateway.internal",
      iat: now,
      exp: now + 60,
      jti: "AAECAwQFBgcICQoLDA0ODw",
      aud: "shop.internal",
      sub: `projects/${project}`,
      req_wl: "dns:gateway.internal",
      target,
      txn: requestId,
      session: "s",
      caller_hash: callerHash,
      ...claims,
    };
    headers.set("intentgate-token", this.token(said));
    return headers;
  }
}

/** Returns a JWK set as text. */
export function jwksOf(...signers: readonly Signer[]): string {
  return JSON.stringify({ keys: signers.map(({ jwk }) => jwk) });
}
