import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Keys, parseKeys } from "../dist/token/keys.js";
import { Authority, put, temporary } from "./pki.js";
import { jwksOf, Signer } from "./signing.js";
import { Journal } from "./world.js";

/** A server of keys, and a clock. */
async function place(t: TestContext) {
  const authority = new Authority(t);
  const { cert, key } = authority.issue({ names: ["dns:localhost"] });
  const world = {
    document: "",
    status: 200,
    fetches: 0,
    now: 1_795_000_000_000,
    url: "",
    journal: new Journal(),
    /** Returns keys of another place, perhaps, judged by other authorities, perhaps. */
    keys: ({ source, ca = authority.pem }: { readonly source?: string; readonly ca?: string } = {}): Keys =>
      new Keys({
        source: source ?? world.url,
        roots: () => [new X509Certificate(ca)],
        log: world.journal.log,
        now: () => new Date(world.now),
      }),
  };
  const server = createServer({ cert, key }, (request, response) => {
    world.fetches++;
    if (request.url === "/slow") return; // for ever
    if (request.url === "/moved") response.writeHead(302, { location: "/" }).end();
    else response.writeHead(world.status).end(world.document);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close().closeAllConnections());
  world.url = `https://localhost:${(server.address() as AddressInfo).port}/`;
  return world;
}

test("keys of a URL: read for one that is not known, every ten seconds at most; the last good ones stay", async (t) => {
  const world = await place(t);
  const [one, two] = [new Signer(), new Signer()];
  const keys = world.keys();
  const known = async ({ jwk }: Signer) => (await keys.find(jwk.kid)) !== undefined;
  world.status = 503;
  assert.equal(await known(one), false);
  assert.match(String((await world.journal.next("Could not read the keys of callers' tokens")).fields.error), /HTTP status 503/);
  world.status = 200;
  world.document = jwksOf(one);
  assert.equal(await known(one), false, "asked again at once");
  world.now += 10_000;
  assert.deepEqual(await Promise.all([known(one), known(two), known(one)]), [true, false, true]);
  assert.equal(world.fetches, 2);
  const before = keys.get(one.jwk.kid);

  world.document = jwksOf(two, one);
  assert.equal(await known(two), false);
  world.now += 10_000;
  assert.equal(await known(two), true);
  assert.equal(world.fetches, 3);
  assert.equal(keys.get(one.jwk.kid), before, "a key that stays is another one");

  for (const document of ["", "{}", jwksOf(), `${jwksOf(two)}${" ".repeat(64 << 10)}`]) {
    world.document = document;
    await keys.reload();
    assert.equal((await world.journal.next("Could not read the keys of callers' tokens")).fields.keys, 2);
    assert.deepEqual([await known(one), await known(two)], [true, true]);
  }
  world.document = jwksOf(two);
  await keys.reload();
  assert.deepEqual([keys.get(one.jwk.kid), await known(two)], [undefined, true]);

  world.document = jwksOf(one);
  const reading = keys.reload();
  assert.equal(await known(one), true, "what is being read is waited for");
  await reading;
});

test("keys of other places", async (t) => {
  const world = await place(t);
  world.document = jwksOf(new Signer());
  for (const source of [
    "http://localhost/",
    "ftp://x/",
    "https:///x",
    "https://user:secret@x/",
    "https://user@x/",
    join(temporary(t), "absent"),
    temporary(t),
    put(join(temporary(t), "large.json"), " ".repeat((64 << 10) + 1)),
  ]) {
    assert.throws(() => world.keys({ source }), Error, source);
  }
  const port = new URL(world.url).port;
  for (const [change, want] of [
    [{ source: `${world.url}moved` }, /HTTP status 302/],
    [{ source: `https://127.0.0.1:${port}/` }, /for DNS:localhost, not for 127\.0\.0\.1/],
    [{ ca: new Authority(t).pem }, /certificate|signature/],
  ] as const) {
    await world.keys(change).reload();
    assert.match(String((await world.journal.next("Could not read the keys of callers' tokens")).fields.error), want);
  }
  // Who stops does not wait for an answer, and says nothing of it.
  const slow = world.keys({ source: `${world.url}slow` });
  const stop = slow.watch();
  stop();
  await slow.reload();
  assert.equal(world.journal.entries.length, 0);
});

test("keys of a file are read as it changes", async (t) => {
  const [one, two] = [new Signer(), new Signer()];
  const journal = new Journal();
  const source = put(join(temporary(t), "jwks.json"), jwksOf(one));
  const keys = new Keys({ source, roots: () => [], log: journal.log, now: () => new Date() });
  t.after(keys.watch());
  const alive = setInterval(() => {}, 1000); // a watch alone keeps no process
  t.after(() => clearInterval(alive));
  assert.equal((await journal.next("Read the keys of callers' tokens")).fields.keys, 1);
  put(source, jwksOf(one, two));
  await journal.next("Read the keys of callers' tokens");
  assert.ok(keys.get(one.jwk.kid) && keys.get(two.jwk.kid));
  put(source, "{");
  await journal.next("Could not read the keys of callers' tokens");
  await keys.reload();
  assert.equal(journal.entries.length, 0, "one fault is told once, however often the folder changes");
  assert.ok(keys.get(one.jwk.kid) && keys.get(two.jwk.kid));
  put(source, jwksOf(two));
  await journal.next("Read the keys of callers' tokens");
  assert.deepEqual([keys.get(one.jwk.kid), keys.get(two.jwk.kid) !== undefined], [undefined, true]);
});

test("which keys are taken", () => {
  const { jwk } = new Signer();
  const { kid: _, ...nameless } = jwk;
  const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey.export({ format: "jwk" });
  const { d } = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" });
  const set = (...keys: readonly unknown[]) => JSON.stringify({ keys });
  for (const [document, count] of [
    [set(jwk), 1],
    [set(jwk, { ...rsa, kid: "rsa" }, { kty: "oct", k: "c2VjcmV0", kid: "oct" }, { kty: "LATER", kid: "x" }, null, 1, "x"), 1],
    [set({ ...jwk, use: "", alg: "", later: [1] }), 1],
    [set({ ...p384, kid: "p384" }), 0],
    [set({ ...jwk, use: "enc" }), 0],
    [set({ ...jwk, alg: "ECDH-ES" }), 0],
    [set({ ...jwk, d }), 0],
    [set(nameless), 0],
    [set({ ...jwk, kid: "" }), 0],
    [set({ ...jwk, kid: 1 }), 0],
    [set({ ...jwk, x: `${jwk.x}=` }), 0],
    [set({ ...jwk, x: `${"A".repeat(42)}E`, y: `${"A".repeat(42)}E` }), 0],
    [set(jwk, jwk), 0],
    [set(), 0],
    ["[]", 0],
    ['{"keys":{}}', 0],
    ['{"keys":[],"keys":[]}', 0],
    ["keys", 0],
  ] as const) {
    if (count === 0) assert.throws(() => parseKeys(Buffer.from(document)), /want/, document);
    else assert.equal(parseKeys(Buffer.from(document)).size, count, document);
  }
});
