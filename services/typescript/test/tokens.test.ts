// The rules about tokens and about methods, which services/caller/testdata/tokens.json holds as data for all languages.
import assert from "node:assert/strict";
import type { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { type Call, Code, outgoing, parseMethods } from "@intentgate/service";
import { ErrorInfoSchema } from "@intentgate/service/gen/google/rpc/error_details_pb.js";
import { CallerSchema } from "@intentgate/service/gen/intentgate/v1/caller_pb.js";
import { reserved } from "../dist/caller/metadata.js";
import { Rules } from "../dist/caller/methods.js";
import { Policy } from "../dist/caller/policy.js";
import { Refusal } from "../dist/caller/refusal.js";
import { parseForwarder, Tokens } from "../dist/caller/tokens.js";
import { parseNames } from "../dist/mtls/san.js";
import { parseJson } from "../dist/token/json.js";
import { Keys } from "../dist/token/keys.js";
import { Verifier } from "../dist/token/verifier.js";
import { put, temporary } from "./pki.js";
import { jwksOf, Signer } from "./signing.js";

interface Entry {
  readonly key: string;
  readonly text?: string;
  readonly base64?: string;
}

/** What a call comes to. */
interface Outcome {
  readonly peer: readonly string[];
  readonly method: string;
  readonly code: string;
  readonly reason?: string;
  readonly call?: "asserted" | "direct";
}

interface TokenRow extends Outcome {
  readonly name: string;
  readonly now: number;
  readonly issuer?: string;
  readonly allowed?: readonly string[];
  readonly asserting?: readonly string[];
  readonly forward?: readonly string[];
  readonly metadata?: readonly Entry[];
}

interface PolicyRow extends Outcome {
  readonly name: string;
  readonly policy: object;
  readonly allowed?: readonly string[];
  readonly asserting: readonly string[];
  readonly caller?: JsonValue;
}

interface PolicyFile {
  readonly name: string;
  readonly text: string;
  readonly registered: Readonly<Record<string, readonly string[]>>;
  readonly peers: readonly string[];
  readonly good: boolean;
}

interface Vectors {
  readonly trust_domain: string;
  readonly jwks: object;
  readonly tokens: readonly TokenRow[];
  readonly policies: readonly PolicyRow[];
  readonly policy_files: readonly PolicyFile[];
}

const vectors: Vectors = JSON.parse(readFileSync(new URL("../../caller/testdata/tokens.json", import.meta.url), "utf8"));

/** What each kind of row may say: whoever adds to it has to be heard here. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  tokens: ["name", "now", "issuer", "allowed", "asserting", "forward", "peer", "method", "metadata", "code", "reason", "call"],
  policies: ["name", "policy", "allowed", "asserting", "peer", "caller", "method", "code", "reason", "call"],
  policy_files: ["name", "text", "registered", "peers", "good"],
};

test("all that the vectors say is played", () => {
  assert.deepEqual(Object.keys(vectors).sort(), ["about", "jwks", "trust_domain", ...Object.keys(kinds)].sort());
  for (const [kind, known] of Object.entries(kinds)) {
    const rows = vectors[kind as "tokens"];
    assert.ok(rows.length > 0, kind);
    for (const row of rows)
      assert.deepEqual(
        Object.keys(row).filter((name) => !known.includes(name)),
        [],
        `${kind}: ${row.name}`,
      );
  }
  const reasons = [...vectors.tokens, ...vectors.policies].map(({ reason }) => reason ?? "").filter((one) => /^[A-Z]/.test(one));
  const all = "ALGORITHM AUDIENCE CALLER EXPIRED ISSUER KEY MALFORMED MISSING PEER SIGNATURE SUBJECT TARGET TURN".split(" ");
  assert.deepEqual([...new Set(reasons)].sort(), [
    "CALLER_NOT_LISTED",
    "METHOD_NOT_LISTED",
    "PROOF_MISSING",
    ...all.map((one) => `TOKEN_${one}`),
  ]);
});

/** Returns keys that are read of a file. */
function keysOf(t: TestContext, jwks: string, now: () => Date): Keys {
  const source = put(join(temporary(t), "jwks.json"), jwks);
  return new Keys({ source, roots: () => [], log: () => {}, now });
}

function policyOf(t: TestContext, row: TokenRow, tokens = true): Policy {
  const now = () => new Date(row.now * 1000);
  const keys = keysOf(t, JSON.stringify(vectors.jwks), now);
  const verifier = new Verifier({ keys, trustDomain: vectors.trust_domain, issuer: row.issuer ?? "", now });
  return new Policy({
    allowed: parseNames(row.allowed ?? []),
    asserting: parseNames(row.asserting ?? []),
    tokens: tokens ? new Tokens(verifier, (row.forward ?? []).map(parseForwarder)) : undefined,
  });
}

const fieldsOf = (entries: readonly Entry[] = []) => entries.flatMap(({ key, text, base64 }) => [key, text ?? base64 ?? ""]);

/** Makes a call, and holds its end against what is wanted. */
async function play(policy: Policy, fields: readonly string[], { peer, method, code, reason = "", call: how }: Outcome) {
  const certificate = undefined as unknown as X509Certificate; // nobody looks at it
  const outcome = await policy.judge({ names: peer, certificate }, reserved(fields), method).catch((error) => error);
  if (!(outcome instanceof Error)) {
    const { direct } = outcome as Call;
    assert.deepEqual(["OK", "", direct ? "direct" : "asserted"], [code, reason, how]);
    return;
  }
  assert.ok(outcome instanceof Refusal, String(outcome));
  assert.equal(how, undefined);
  const { status, saw, wanted } = outcome;
  assert.deepEqual([codeName(status.code), outcome.reason], [code, reason], `saw ${saw}, wanted ${wanted}`);
  assert.ok(saw !== "" && wanted !== "");
  const told = status.details.map((detail) => ("desc" in detail ? [detail.desc.typeName, detail.value] : []));
  const want = reason === reason.toUpperCase() ? [[ErrorInfoSchema.typeName, { domain: "intentgate", reason }]] : [];
  assert.deepEqual(told, want);
}

function codeName(code: Code): string {
  return (Code[code] ?? "").replace(/(?<=[a-z])[A-Z]/g, "_$&").toUpperCase();
}

test("tokens", async (t) => {
  for (const row of vectors.tokens) {
    await t.test(row.name, async (t) => {
      const policy = policyOf(t, row);
      await play(policy, fieldsOf(row.metadata), row);
      await play(policy, fieldsOf(row.metadata), row); // now the verdict is remembered
    });
  }
});

test("whoever asks for no tokens takes calls with any, or none", async (t) => {
  const rows = vectors.tokens.filter(({ peer, code }) => peer.join() === "dns:gateway.internal" && code === "PERMISSION_DENIED");
  assert.ok(rows.length > 0);
  for (const { reason: _, ...row } of rows) {
    await play(policyOf(t, row, false), fieldsOf(row.metadata), { ...row, code: "OK", call: "asserted" });
  }
});

test("who may call which method", async (t) => {
  for (const row of vectors.policies) {
    await t.test(row.name, async () => {
      const methods = new Rules(parseMethods(Buffer.from(JSON.stringify(row.policy))));
      const policy = new Policy({ allowed: parseNames(row.allowed ?? []), asserting: parseNames(row.asserting), methods });
      const caller = row.caller === undefined ? undefined : fromJson(CallerSchema, row.caller);
      await play(policy, caller ? [...outgoing(caller, { requestId: "1.x" })].flat() : [], row);
    });
  }
});

test("policies as files", async (t) => {
  for (const { name, text, registered, peers, good } of vectors.policy_files) {
    await t.test(name, () => {
      let problems: readonly string[];
      try {
        problems = new Rules(parseMethods(Buffer.from(text))).problems(parseNames(peers), new Map(Object.entries(registered)));
      } catch (error) {
        problems = [(error as Error).message];
      }
      assert.equal(problems.length === 0, good, problems.join("\n"));
      for (const problem of problems) assert.match(problem, /^policy: .*(want|there are|name it in --allow|write dns:)/s);
    });
  }
  assert.throws(() => parseMethods(Buffer.from(`{"methods": {}}${" ".repeat(1 << 20)}`)), /at most 1048576/);
  // In code as in a file: a member that is written wrongly must not pass for one that is not there.
  assert.throws(() => new Rules({ "a.B/C": { asserted: { projects: ["ID_TOKEN"] } } }), /unknown member "projects"/);
});

test("what is remembered ends with the token, with its key, and with the place for it", async (t) => {
  let now = new Date();
  const [signer, other] = [new Signer(), new Signer()];
  const keys = keysOf(t, jwksOf(signer), () => now);
  let proven = 0;
  const counting = {
    get: (id: string) => keys.get(id),
    find: (id: string) => {
      proven++;
      return keys.find(id);
    },
  };
  const verifier = new Verifier({ keys: counting, trustDomain: "shop.internal", issuer: "", now: () => now }, 10);
  const iat = Math.floor(now.getTime() / 1000);
  const token = () => Buffer.from(signer.token({ iat, exp: iat + 60, aud: "shop.internal" }));
  const reason = (raw: Buffer) =>
    verifier.verify(raw).then(
      () => "",
      (error) => (error as Refusal).reason,
    );
  const first = token();
  for (let i = 0; i < 3; i++) assert.equal(await reason(first), "");
  assert.equal(proven, 1);
  for (let i = 0; i < 3; i++) assert.equal(await reason(Buffer.from("x.y.z")), "TOKEN_MALFORMED");

  now = new Date(now.getTime() + 91_000);
  assert.equal(await reason(first), "TOKEN_EXPIRED");
  now = new Date(now.getTime() - 91_000);
  assert.equal(await reason(first), "");
  assert.equal(proven, 1);

  for (let i = 0; i < 9; i++) assert.equal(await reason(token()), "");
  assert.equal(await reason(first), "");
  assert.equal(proven, 10);
  assert.equal(await reason(token()), "");
  assert.equal(await reason(first), "");
  assert.equal(proven, 12, "the oldest of eleven is remembered");

  put((keys as unknown as { config: { source: string } }).config.source, jwksOf(other));
  await keys.reload();
  assert.equal(await reason(first), "TOKEN_KEY");
});

/** Yields numbers from 0 on below a limit, the same each time. */
function random(): (limit: number) => number {
  let state = 0x9e3779b9;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) % limit;
  };
}

test("whatever bytes are sent, only what the key has signed is taken", async (t) => {
  const next = random();
  const now = () => new Date(1_795_000_005_000);
  const verifier = new Verifier({
    keys: keysOf(t, JSON.stringify(vectors.jwks), now),
    trustDomain: vectors.trust_domain,
    issuer: "",
    now,
  });
  const seeds = vectors.tokens.flatMap(({ metadata = [] }) =>
    metadata.filter(({ key }) => key === "intentgate-token").map(({ text = "" }) => Buffer.from(text)),
  );
  const signed = new Set(seeds.map((seed) => seed.subarray(0, Math.max(0, seed.lastIndexOf("."))).toString("latin1")));
  const pick = () => seeds[next(seeds.length)] ?? Buffer.alloc(0);
  const changes: readonly ((seed: Buffer) => Buffer)[] = [
    (seed) => seed,
    () => Buffer.from(Array.from({ length: next(200) }, () => next(256))),
    (seed) => {
      const changed = Buffer.from(seed);
      for (let i = next(3); i >= 0; i--) changed[next(changed.length)] = next(256);
      return changed;
    },
    (seed) => Buffer.concat([seed.subarray(0, next(seed.length)), pick().subarray(next(200))]),
    // Parts of their own, so that what lies behind base64url is reached.
    (seed) => {
      const parts = seed.toString("latin1").split(".");
      const at = next(3);
      const part = Buffer.from(parts[at] ?? "", "base64url");
      if (part.length > 0) part[next(part.length)] = next(256);
      parts[at] = part.toString("base64url");
      return Buffer.from(parts.join("."));
    },
  ];
  let taken = 0;
  for (let i = 0; i < 5000; i++) {
    const raw = (changes[i % changes.length] ?? changes[0])?.(pick()) ?? Buffer.alloc(0);
    try {
      const { audience } = await verifier.verify(raw);
      taken++;
      assert.equal(audience, vectors.trust_domain);
      assert.ok(signed.has(raw.subarray(0, raw.lastIndexOf(".")).toString("latin1")), raw.toString("latin1"));
    } catch (error) {
      assert.ok(error instanceof Refusal && /^TOKEN_/.test(error.reason), `${raw.toString("latin1")}: ${error}`);
      assert.ok(error.saw !== "" && error.wanted !== "");
    }
  }
  assert.ok(taken > 100, `only ${taken} were taken`);
});

test("JSON says each name once", () => {
  for (const good of [
    '{"a":{"a":1},"b":[{"a":2},{"a":3}],"c":"a\\":{"}',
    '"\\ud83e\\udd8a"',
    '["a","a",[],{}]',
    '{"__proto__":{"a":1}}',
    " null ",
    "[".repeat(1000) + "]".repeat(1000),
  ]) {
    assert.deepEqual(parseJson(Buffer.from(good)), JSON.parse(good));
  }
  for (const bad of [
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":1}',
    '{"a":[{"b":{"x":1,"y":[{}],"x":1}}]}',
    '{"":1,"":2}',
    '{"a":"\\ud83e"}',
    '{"__proto__":1,"__proto__":2}',
    "\ufeff{}",
    "{} {}",
    "{'a':1}",
    "",
  ]) {
    assert.throws(() => parseJson(Buffer.from(bad)), Error, bad);
  }
  assert.throws(() => parseJson(Buffer.from([0x22, 0xff, 0x22])));

  const next = random();
  const pieces = ["{", "}", "[", "]", ":", ",", '"a"', '"b"', '"\\u0061"', '"\\""', '"}"', "1", "null", " "];
  let read = 0;
  for (let i = 0; i < 20_000; i++) {
    const inner = Array.from({ length: next(12) }, () => pieces[next(pieces.length)]).join("");
    const text = next(2) === 0 ? `{"a":${inner || "1"}}` : inner;
    let value: unknown;
    try {
      value = parseJson(Buffer.from(text));
    } catch {
      continue;
    }
    read++;
    assert.deepEqual(value, JSON.parse(text), text);
  }
  assert.ok(read > 100, `only ${read} were read`);
});

test("forwarders", () => {
  assert.deepEqual(parseForwarder("dns:Orders.internal=shop.v1.Orders"), {
    peer: "dns:orders.internal",
    target: "shop.v1.Orders",
  });
  assert.deepEqual(parseForwarder("uri:spiffe://shop/x?a=b=shop.v1.Orders").peer, "uri:spiffe://shop/x?a=b");
  for (const bad of ["dns:a", "dns:a=", "=shop.v1.Orders", "a=shop.v1.Orders", "dns:a=shop.v1.Orders/Track", "dns:*.a=b"]) {
    assert.throws(() => parseForwarder(bad), /forwarder/, bad);
  }
});
