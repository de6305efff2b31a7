// Tokens and policies over mutual TLS, between services that pass callers on.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import {
  Channel,
  Code,
  ConnectError,
  callOf,
  forward,
  run,
  Server,
  type ServerConfig,
  UsageError,
  valuesWith,
} from "@intentgate/service";
import { ErrorInfoSchema } from "@intentgate/service/gen/google/rpc/error_details_pb.js";
import { Health } from "@intentgate/service/gen/grpc/health/v1/health_pb.js";
import { ProbeService } from "@intentgate/service/gen/intentgate/conformance/v1/probe_service_pb.js";
import { IntentService } from "@intentgate/service/gen/intentgate/v1/intent_service_pb.js";
import { put, temporary } from "./pki.js";
import { jwksOf, Signer, type Turn } from "./signing.js";
import { nothing, start, type World } from "./world.js";

const [front, back] = [IntentService.typeName, ProbeService.typeName];

/** Returns what a call comes to: "" or its reason, which the peer is told. */
async function reasonOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "";
  } catch (error) {
    const { code, details, rawMessage } = ConnectError.from(error);
    assert.equal(code, Code.PermissionDenied, String(error));
    assert.equal(rawMessage, "caller is not allowed");
    const infos = ConnectError.from(error).findDetails(ErrorInfoSchema);
    assert.deepEqual([details.length, infos.length, infos[0]?.domain], [1, 1, "intentgate"]);
    return infos[0]?.reason ?? "";
  }
}

test("a caller, passed on", async (t) => {
  const gateway = new Signer();
  const keys = put(join(temporary(t), "jwks.json"), jwksOf(gateway));
  const tokens = { keys, trustDomain: "shop.internal", issuer: "https://gateway.internal" };
  const stock = await start(t, {
    probe: true,
    asserting: ["dns:gateway.internal", "dns:payments.internal"],
    tokens: { ...tokens, forwarders: [`dns:orders.internal=${front}`] },
  });
  const next = stock.channel("dns:orders.internal").client(ProbeService);
  let passed = new Headers();
  const orders = await start(t, {
    tokens,
    routes: (router) =>
      router.service(IntentService, {
        async fulfill(_, context) {
          passed = forward(callOf(context));
          const { caller, direct, peer, requestId } = await next.echo({}, { headers: passed, signal: context.signal });
          const [from = ""] = peer;
          return { reply: { texts: [from, caller?.projectNumber?.value ?? "", requestId, String(direct)] } };
        },
      }),
  });
  const turn = (change: Turn = {}) => ({ headers: gateway.turn(front, change) });
  const ask = (change: Turn = {}, peer = "dns:gateway.internal") =>
    orders.channel(peer).client(IntentService).fulfill({}, turn(change));

  const headers = gateway.turn(front);
  headers.set("intentgate-later", "x");
  headers.set("cookie", "x");
  const answer = await orders.channel("dns:gateway.internal").client(IntentService).fulfill({}, { headers });
  assert.deepEqual(answer.reply?.texts, ["dns:orders.internal", "415104041262", "1.a", "false"]);
  const names = ["intentgate-call-bin", "intentgate-caller-bin", "intentgate-request-id", "intentgate-token", "traceparent"];
  assert.deepEqual(
    [...passed].map(([name, value]) => [name, value]),
    names.map((name) => [name, headers.get(name)]),
  );

  // What the next service makes of what orders has, or whoever has stolen it.
  const take = (headers: Headers, peer = "dns:orders.internal") =>
    reasonOf(stock.channel(peer).client(ProbeService).echo({}, { headers }));
  const with_ = (change: Readonly<Record<string, string>>) => {
    const changed = new Headers(passed);
    for (const [name, value] of Object.entries(change)) changed.set(name, value);
    return changed;
  };
  const another = gateway.turn(front, { requestId: "1.b", project: "7" });
  const parts = (...names: string[]) => Object.fromEntries(names.map((name) => [name, another.get(name) ?? ""]));
  assert.equal(await take(passed), "", "a try again");
  assert.equal(await take(with_(parts("intentgate-call-bin", "intentgate-request-id"))), "TOKEN_TURN", "replay");
  assert.equal(await take(with_(parts("intentgate-caller-bin"))), "TOKEN_CALLER", "another caller");
  assert.equal(await take(passed, "dns:payments.internal"), "TOKEN_PEER", "theft");
  assert.equal(await take(passed, "dns:gateway.internal"), "TOKEN_TARGET", "the gateway itself means another service");
  assert.equal(await take(gateway.turn(back)), "TOKEN_TARGET", "not what the gateway calls orders by");
  const own = gateway.turn(back, { claims: { req_wl: "dns:orders.internal" } });
  assert.equal(await take(own), "TOKEN_TARGET", "a forwarder asserts nobody, not even by a token that names it");
  assert.equal(await take(gateway.turn(front, { claims: { caller_hash: undefined } })), "TOKEN_CALLER", "bound to nobody");
  assert.equal(await take(gateway.turn(back), "dns:gateway.internal"), "");
  stock.journal.entries.splice(0);
  assert.equal(
    await reasonOf(stock.channel("dns:crm.internal").client(ProbeService).echo({}, { headers: passed })).catch(
      () => "on no list",
    ),
    "on no list",
  );
  const { fields } = await stock.journal.next("Call");
  assert.equal((fields.refusal as { reason: string }).reason, "not_allowed", "forwarding by a peer that is on no list");
  // A forwarder has no say of its own.
  await assert.rejects(stock.channel("dns:orders.internal").client(ProbeService).echo({}), /caller is not allowed/);

  const now = Math.floor(Date.now() / 1000);
  const stranger = new Signer();
  const claims = JSON.parse(Buffer.from((passed.get("intentgate-token") ?? "").split(".")[1] ?? "", "base64url").toString());
  const mac = () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const input = `${part({ alg: "HS256", kid: gateway.jwk.kid, typ: "txntoken+jwt" })}.${part(claims)}`;
    return `${input}.${createHmac("sha256", JSON.stringify(gateway.jwk)).update(input).digest("base64url")}`;
  };
  const known = { alg: "ES256", kid: gateway.jwk.kid, typ: "txntoken+jwt" };
  for (const [token, want] of [
    [gateway.token({ ...claims, exp: now - 31, iat: now - 91 }), "TOKEN_EXPIRED"],
    [gateway.token({ ...claims, aud: "bank.internal" }), "TOKEN_AUDIENCE"],
    [gateway.token({ ...claims, iss: "https://other.internal" }), "TOKEN_ISSUER"],
    [gateway.token({ ...claims, sub: "projects/7" }), "TOKEN_SUBJECT"],
    [stranger.token(claims), "TOKEN_KEY"],
    [stranger.token(claims, known), "TOKEN_SIGNATURE"],
    [gateway.token(claims, { ...known, alg: "none" }), "TOKEN_ALGORITHM"],
    [mac(), "TOKEN_ALGORITHM"],
    [gateway.token(claims, { ...known, jwk: stranger.jwk }), "TOKEN_MALFORMED"],
    [gateway.token(claims), ""],
  ] as const) {
    assert.equal(await take(with_({ "intentgate-token": token })), want);
  }
  const bare = new Headers(passed);
  bare.delete("intentgate-token");
  stock.journal.entries.splice(0);
  assert.equal(await take(bare), "TOKEN_MISSING");
  const { level, fields: line } = await stock.journal.next("Call");
  assert.equal(level, "warn");
  assert.deepEqual(line.refusal, {
    reason: "TOKEN_MISSING",
    saw: 'no "intentgate-token"',
    wanted: "one that the gateway has signed: caller_tokens in its configuration",
  });
  assert.equal(await reasonOf(ask({ claims: { target: back } })), "TOKEN_TARGET");

  // Health needs no token; and whoever passes on nobody's caller says so.
  await stock.channel("dns:gateway.internal").client(Health).check({});
  const certificate = undefined as never;
  const peer = { names: [], certificate };
  assert.throws(() => forward({ peer, direct: true, requestId: "" }), /call the next service as yourself/);
  const made = forward({
    ...callOf({ values: valuesWith({ peer, direct: false, requestId: "1.a" }) }),
    caller: { platform: 1 } as never,
    ref: { requestId: "1.a" } as never,
  });
  assert.equal(made.get("intentgate-request-id"), "1.a");
});

test("keys that change, under calls", async (t) => {
  const [old, fresh] = [new Signer(), new Signer()];
  const keys = put(join(temporary(t), "jwks.json"), jwksOf(old));
  const world = await start(t, { probe: true, tokens: { keys, trustDomain: "shop.internal" } });
  const client = world.channel("dns:gateway.internal").client(ProbeService);
  const call = (signer: Signer) => reasonOf(client.echo({}, { headers: signer.turn(back) }));
  assert.deepEqual([await call(old), await call(fresh)], ["", "TOKEN_KEY"]);
  world.journal.entries.splice(0);
  put(keys, jwksOf(fresh));
  await world.journal.next("Read the keys of callers' tokens");
  assert.deepEqual([await call(old), await call(fresh)], ["TOKEN_KEY", ""]);
});

test("keys of a server that is not there: the service starts, and believes nobody", async (t) => {
  const world = await start(t, { probe: true, tokens: { keys: "https://127.0.0.1:1/jwks.json", trustDomain: "shop.internal" } });
  await world.journal.next("Could not read the keys of callers' tokens");
  const client = world.channel("dns:gateway.internal").client(ProbeService);
  assert.equal(await reasonOf(client.echo({}, { headers: new Signer().turn(back) })), "TOKEN_KEY");
  assert.equal((await client.echo({})).direct, true);
});

const fulfill = `${front}/Fulfill`;

test("methods, each for its callers", async (t) => {
  const world = await start(t, {
    methods: { [fulfill]: { callers: ["dns:Office.internal"], asserted: { project: ["ID_TOKEN"] } } },
  });
  const call = (world: World, peer: string, headers = new Headers()) =>
    reasonOf(world.channel(peer).client(IntentService).fulfill({}, { headers }));
  assert.equal(await call(world, "dns:office.internal"), "");
  assert.equal(await call(world, "dns:gateway.internal"), "CALLER_NOT_LISTED");
  assert.equal(await call(world, "dns:gateway.internal", new Signer().turn(front)), "");
  await world.channel("dns:gateway.internal").client(Health).check({});
  const other = await start(t, { probe: true, methods: { [`${back}/*`]: { asserted: { agent: ["CERTIFICATE"] } } } });
  assert.equal(await call(other, "dns:office.internal"), "METHOD_NOT_LISTED");
  assert.equal(
    await reasonOf(
      other
        .channel("dns:gateway.internal")
        .client(ProbeService)
        .echo({}, { headers: new Signer().turn(back) }),
    ),
    "PROOF_MISSING",
  );
});

test("what keeps a service from starting", async (t) => {
  const world = await start(t);
  const config = (change: Partial<ServerConfig>): ServerConfig => ({
    name: "orders",
    routes: nothing,
    listen: "127.0.0.1:0",
    tls: world.files,
    asserting: ["dns:gateway.internal"],
    log: () => {},
    ...change,
  });
  for (const [change, want] of [
    [{ methods: { [`${front}/Fulfil`]: {} } }, /no such method; want \* or one of \["Fulfill"\]/],
    [
      { methods: { "intentgate.v1.IntentServices/*": {} } },
      /no such service is registered; there are \["intentgate.v1.IntentService"\]/,
    ],
    [{ methods: { "grpc.health.v1.Health/*": {} } }, /no such service/],
    [
      { methods: { [fulfill]: { callers: ["dns:stranger.internal"] } } },
      /"dns:stranger.internal" may not call at all; name it in --allow/,
    ],
    [
      { methods: { [fulfill]: { asserted: { agent: ["PASSWORD" as never] } } } },
      /agent: "PASSWORD"; want one of STATED, CERTIFICATE/,
    ],
    [{ methods: { [fulfill]: { assertd: {} } as never } }, /unknown member "assertd"/],
    [{ tokens: { keys: "", trustDomain: "" } }, /tokens.keys is missing[\s\S]*tokens.trustDomain is missing/],
    [{ tokens: { keys: "x", trustDomain: "x", forwarders: ["dns:a"] } }, /forwarder "dns:a"/],
  ] as const) {
    await assert.rejects(Server.open(config(change)), (error) => error instanceof UsageError && want.test(error.message));
  }
  // A forwarder is somebody who can call.
  const keys = put(join(temporary(t), "jwks.json"), jwksOf(new Signer()));
  const server = await Server.open(config({ asserting: [], tokens: { keys, trustDomain: "x", forwarders: [`dns:a=${front}`] } }));
  await server.stop();
});

test("flags of tokens and policies", async (t) => {
  const { files } = await start(t);
  const folder = temporary(t);
  const policy = put(join(folder, "policy.json"), `{"methods": {"${front}/Ask": {}}}`);
  const twice = put(join(folder, "twice.json"), `{"methods": {}, "methods": {"${fulfill}": {"asserted": {}}}}`);
  const trust = ["--trust-domain", "shop.internal"];
  for (const [args, want, status] of [
    [["--jwks", "jwks.json"], /tokens.trustDomain is missing/, 2],
    [trust, /tokens.keys is missing/, 2],
    [["--issuer", "x", ...trust], /tokens.keys is missing/, 2],
    [["--jwks", "no-such-jwks.json", ...trust], /no-such-jwks.json: no such file/, 1],
    [["--jwks", "https://gateway.internal/", "--jwks-ca", "no-such-ca.pem", ...trust], /no-such-ca.pem: no such file/, 1],
    [["--jwks", "http://gateway.internal/", ...trust], /"http:\/\/gateway.internal\/": want a file, or a URL/, 1],
    [
      ["--jwks", "x", ...trust, "--forward", `dns:b=${front}`, "--forward", "dns:checkout.internal"],
      /forwarder "dns:checkout.internal"/,
      2,
    ],
    [["--policy", "no-such-policy.json"], /no-such-policy.json: no such file/, 2],
    [["--policy", policy], /no such method/, 2],
    [["--policy", twice], /"methods" twice in one object/, 2],
  ] as const) {
    let said = "";
    const tls = ["--cert", files.cert, "--key", files.key, "--ca", files.ca, "--assert", "dns:gateway.internal"];
    const outcome = await run(
      { name: "orders", routes: nothing, open: status === 2 ? () => assert.fail("opened for nothing") : () => ({ close() {} }) },
      {
        args: [...tls, "--listen", "127.0.0.1:0", ...args],
        signal: AbortSignal.abort(),
        stderr: (text) => {
          said += text;
        },
      },
    );
    assert.match(said, want);
    assert.equal(outcome, status, said);
  }
});

test("flags are what a service obeys", async (t) => {
  const { authority, files, folder } = await start(t);
  const signer = new Signer();
  const keys = put(join(folder, "jwks.json"), jwksOf(signer));
  const policy = put(join(folder, "policy.json"), JSON.stringify({ methods: { [fulfill]: { asserted: {} } } }));
  const stop = new AbortController();
  let port: (line: string) => void = () => {};
  const listening = new Promise<string>((resolve) => {
    port = resolve;
  });
  const tls = ["--cert", files.cert, "--key", files.key, "--ca", files.ca, "--listen", "127.0.0.1:0"];
  const tokens = ["--jwks", keys, "--trust-domain", "shop.internal", "--issuer", "https://gateway.internal"];
  const ended = run(
    { name: "orders", routes: nothing, tokens: { keys: "elsewhere", trustDomain: "x", forwarders: [`dns:a=${front}`] } },
    {
      args: [...tls, ...tokens, "--forward", `dns:b=${front}`, "--policy", policy],
      signal: stop.signal,
      stderr: (text) => {
        const [, address] = /msg=Listening .*address=(\S+)/.exec(text) ?? [];
        if (address !== undefined) port(address);
      },
    },
  );
  const target = await listening;
  for (const [name, claims, want] of [
    ["dns:a", {}, ""],
    ["dns:b", {}, ""],
    ["dns:b", { iss: "x" }, "TOKEN_ISSUER"],
    ["dns:b", { aud: "x" }, "TOKEN_AUDIENCE"],
  ] as const) {
    const channel = new Channel({
      target,
      serverName: "service.internal",
      tls: authority.files(`${folder}/${name.slice(4)}`, name),
      log: () => {},
    });
    t.after(() => channel.close());
    assert.equal(await reasonOf(channel.client(IntentService).fulfill({}, { headers: signer.turn(front, { claims }) })), want);
  }
  stop.abort();
  assert.equal(await ended, 0);
});
