import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import {
  type Call,
  Code,
  Duration,
  type HandlerContext,
  logTo,
  MemoryStore,
  Once,
  refuse,
  valuesWith,
} from "@intentgate/service";
import { IntentService } from "@intentgate/service/gen/intentgate/v1/intent_service_pb.js";
import { isTrusted } from "../dist/mtls/chain.js";
import { altNames, isListed, parseName } from "../dist/mtls/san.js";
import { Authority } from "./pki.js";

test("names of a certificate", () => {
  for (const [text, want] of [
    ["", []],
    [
      "DNS:a.internal, URI:spiffe://shop/x, IP Address:10.0.0.1, email:a@example.com",
      [
        ["DNS", "a.internal"],
        ["URI", "spiffe://shop/x"],
        ["IP Address", "10.0.0.1"],
        ["email", "a@example.com"],
      ],
    ],
    // One name that looks like two is one.
    ['DNS:"x.internal, DNS:gateway.internal"', [["DNS", "x.internal, DNS:gateway.internal"]]],
    [
      'URI:"http://a/\\u002c\\"b", DNS:c',
      [
        ["URI", 'http://a/,"b'],
        ["DNS", "c"],
      ],
    ],
    [
      "othername:SmtpUTF8Mailbox:x, DNS:c",
      [
        ["othername", "SmtpUTF8Mailbox:x"],
        ["DNS", "c"],
      ],
    ],
    ['DNS:"no end, DNS:gateway.internal', []],
    [
      'DNS:"\\q", DNS:c',
      [
        ["DNS", '"\\q"'],
        ["DNS", "c"],
      ],
    ],
  ] as const) {
    assert.deepEqual([...altNames(text)], want, text);
  }
});

test("no text is a name that it does not say", () => {
  // Whatever stands in quotes, however it is cut: only what begins an entry is a name.
  const parts = ['"', "\\", ", ", "DNS:", "URI:", "gateway.internal", ":", ",", "x"];
  let seed = 1;
  const next = () => {
    seed = (seed * 48271) % 2147483647;
    return parts[seed % parts.length] ?? "";
  };
  for (let i = 0; i < 20_000; i++) {
    const text = Array.from({ length: 8 }, next).join("");
    for (const [kind, value] of altNames(text)) {
      if (kind === "DNS" && value === "gateway.internal") assert.match(text, /(^|, )DNS:"?gateway\.internal"?(, |$)/, text);
    }
  }
});

test("names on a list", () => {
  assert.equal(parseName("dns:Gateway.Internal"), "dns:gateway.internal");
  assert.equal(parseName("uri:spiffe://Shop/x"), "uri:spiffe://Shop/x");
  for (const bad of [
    "",
    "gateway.internal",
    "ip:10.0.0.1",
    "dns:",
    "dns:*.internal",
    "dns:a b",
    "uri:",
    "uri:x",
    "uri:http://a b",
    "dns:a\n",
  ]) {
    assert.throws(() => parseName(bad), Error, bad);
  }
  const list = new Set(["dns:gateway.internal"]);
  assert.ok(isListed(list, ["uri:x:y", "dns:GATEWAY.internal"]));
  assert.ok(
    !isListed(list, ["uri:gateway.internal", "email:gateway.internal", "dns:gateway.internal.", "dns:a.gateway.internal"]),
  );
});

test("lines of the log", () => {
  const now = () => new Date("2026-11-22T06:16:13.102Z");
  const fields = {
    service: "orders",
    code: "OK",
    duration: new Duration(1.25),
    peer: ["dns:a", "uri:b"],
    caller: { platform: "ES", project: "" },
    error: new Error('a "quoted"\nline level=ERROR'),
    nothing: undefined,
  };
  const lines: string[] = [];
  const write = (line: string) => lines.push(line);
  logTo({ format: "text", write, now })("info", "Call", fields);
  logTo({ format: "json", write, now })("warn", "Call", fields);
  logTo({ format: "text", write, now })("debug", "Call");
  assert.deepEqual(lines, [
    'time=2026-11-22T06:16:13.102Z level=INFO msg=Call service=orders code=OK duration=1.25ms peer="[dns:a uri:b]" ' +
      'caller.platform=ES caller.project="" error="a \\"quoted\\"\\nline level=ERROR"\n',
    '{"time":"2026-11-22T06:16:13.102Z","level":"WARN","msg":"Call","service":"orders","code":"OK","duration":1250000,' +
      '"peer":["dns:a","uri:b"],"caller":{"platform":"ES","project":""},"error":"a \\"quoted\\"\\nline level=ERROR"}\n',
  ]);
  assert.equal(String(new Duration(61_500)), "61.5s");
});

/** The context of a call with an idempotency key. */
function contextOf(requestId: string, signal = new AbortController().signal): HandlerContext {
  const call = { peer: { names: [], certificate: undefined as never }, direct: requestId === "", requestId } satisfies Call;
  return { values: valuesWith(call), method: IntentService.method.fulfill, signal } as never;
}

test("what fails is done anew, by those who waited for it first", async () => {
  const once = new Once();
  let tries = 0;
  const work = async () => {
    await undefined;
    tries++;
    if (tries === 1) throw new Error("the first fails");
    return { reply: { texts: [`try ${tries}`] } };
  };
  const all = await Promise.allSettled([1, 2, 3].map(() => once.answer(contextOf("1.a"), work)));
  assert.deepEqual(
    all.map((one) => (one.status === "fulfilled" ? one.value.reply.texts[0] : one.reason.message)),
    ["the first fails", "try 2", "try 2"],
  );
  assert.deepEqual((await once.answer(contextOf("1.a"), work)).reply.texts, ["try 2"]);
  assert.equal(tries, 2);
});

test("who waits for another try does not wait longer than the call", async () => {
  const once = new Once();
  const first = once.answer(contextOf("1.a"), () => new Promise<object>(() => {}));
  const over = new AbortController();
  const second = once.answer(contextOf("1.a", over.signal), () => ({}));
  over.abort(new Error("out of time"));
  await assert.rejects(second, /out of time/);
  await Promise.race([first, undefined]);
});

test("what was done is not undone by a store that fails", async (t) => {
  const warned = t.mock.method(process, "emitWarning", () => {});
  const store = {
    get: () => undefined,
    put: () => {
      throw new Error("full");
    },
  };
  assert.deepEqual((await new Once(store).answer(contextOf("1.a"), () => ({ reply: { texts: ["done"] } }))).reply.texts, [
    "done",
  ]);
  assert.equal(warned.mock.callCount(), 1);
});

test("memory keeps the latest", () => {
  const store = new MemoryStore(2);
  for (const key of ["a", "b", "c"]) store.put(key, new Uint8Array([key.charCodeAt(0)]));
  assert.deepEqual(
    ["a", "b", "c"].map((key) => store.get(key)?.[0]),
    [undefined, 98, 99],
  );
});

test("refusals", () => {
  const error = refuse(Code.NotFound, "no such order", { say: { en: "No.", de: "Nein." }, fields: new Map([["id", "unknown"]]) });
  assert.deepEqual([error.code, error.rawMessage, error.details.length], [Code.NotFound, "no such order", 3]);
});

test("a chain is one of signatures, not of names", (t) => {
  const [withdrawn, trusted] = [new Authority(t), new Authority(t)];
  const leaf = new X509Certificate(withdrawn.issue({ names: ["dns:a"] }).cert);
  const [old, root] = [withdrawn, trusted].map(({ pem }) => new X509Certificate(pem)) as [X509Certificate, X509Certificate];
  const now = new Date(Date.now() + 1000);
  assert.equal(isTrusted([leaf, old], [old], now), true);
  assert.equal(isTrusted([leaf, old], [root], now), false);
  // Both authorities have one name, so that Node would take a certificate of the other one for the next in the chain.
  assert.equal(isTrusted([leaf, root], [root], now), false);
  assert.equal(isTrusted([leaf, new X509Certificate(trusted.issue({ names: [] }).cert)], [root], now), false);
  assert.equal(isTrusted([leaf, old], [old], new Date(Date.now() + 48 * 3600_000)), false);
});
