import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { connect } from "node:http2";
import { test } from "node:test";
import { equals, fromBinary, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { type Call, Code, callOf, outgoing, requestId, Server } from "@intentgate/service";
import { CallerSchema, CallRefSchema } from "@intentgate/service/gen/intentgate/v1/caller_pb.js";
import { IntentService } from "@intentgate/service/gen/intentgate/v1/intent_service_pb.js";
import { Authority, type Leaf, temporary } from "./pki.js";
import { Journal } from "./world.js";

interface Entry {
  readonly key: string;
  readonly text?: string;
  readonly base64?: string;
}

interface Row {
  readonly name: string;
  readonly peer: {
    readonly sans?: readonly string[];
    readonly common_name?: string;
    readonly certificate?: "none" | "unknown_authority" | "expired" | "server_only";
    readonly tls?: "1.2";
  };
  readonly allowed?: readonly string[];
  readonly asserting?: readonly string[];
  readonly metadata?: readonly Entry[];
  readonly code: string;
  readonly reason?: string;
  readonly call?: "asserted" | "direct";
}

interface Vectors {
  readonly outgoing: readonly { name: string; caller: JsonValue; call: JsonValue; metadata: readonly Entry[] }[];
  readonly request_ids: readonly {
    readonly name: string;
    readonly platform?: string;
    readonly project_id?: string;
    readonly agent?: string;
    readonly environment?: string;
    readonly session?: string;
    readonly turn_id?: string | null;
    readonly page?: string;
    readonly form_values?: readonly { name: string; json: string }[];
    readonly event?: string;
    readonly method?: string;
    readonly request?: string;
    readonly hashed: string;
    readonly request_id: string;
  }[];
  readonly acceptance: readonly Row[];
}

const vectors: Vectors = JSON.parse(readFileSync(new URL("../../caller/testdata/vectors.json", import.meta.url), "utf8"));

test("outgoing calls", async (t) => {
  assert.ok(vectors.outgoing.length > 0);
  for (const vector of vectors.outgoing) {
    await t.test(vector.name, () => {
      const headers = outgoing(fromJson(CallerSchema, vector.caller), fromJson(CallRefSchema, vector.call));
      assert.match(headers.get("traceparent") ?? "", /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
      headers.delete("traceparent");
      const want = vector.metadata.map(({ key, text, base64 }) => [key, text ?? base64]);
      assert.deepEqual([...headers].sort(), want.sort());
    });
  }
});

test("outgoing calls that nobody would accept", () => {
  const caller = { platform: 1 };
  assert.throws(() => outgoing({}, { requestId: "1.a" }), /platform/);
  assert.throws(() => outgoing(caller, {}), /request id/);
  assert.throws(() => outgoing(caller, { requestId: "a".repeat(257) }), /intentgate-request-id is 257 bytes long/);
});

test("request ids", async (t) => {
  const seen = new Set<string>();
  for (const vector of vectors.request_ids) {
    await t.test(vector.name, () => {
      const id = requestId({
        platform: vector.platform ?? "",
        projectId: vector.project_id ?? "",
        agent: vector.agent ?? "",
        environment: vector.environment ?? "",
        session: vector.session ?? "",
        turnId: vector.turn_id ?? undefined,
        page: vector.page ?? "",
        formValues: vector.form_values ?? [],
        event: vector.event ?? "",
        method: vector.method ?? "",
        request: Buffer.from(vector.request ?? "", "base64"),
      });
      assert.equal(id, vector.request_id);
      const hash = createHash("sha256").update(Buffer.from(vector.hashed, "hex")).digest("base64url");
      assert.equal(id, `1.${hash}`);
      assert.ok(!seen.has(id), "the id of another key");
      seen.add(id);
    });
  }
  assert.equal(seen.size, vectors.request_ids.length);
});

test("acceptance", async (t) => {
  const authority = new Authority(t);
  const stranger = new Authority(t);
  const tls = authority.files(temporary(t), "dns:service.internal");
  const certificates = new Map<string, { cert?: string; key?: string }>(); // many rows have the same peer
  for (const row of vectors.acceptance) {
    await t.test(row.name, async (t) => {
      const calls: Call[] = [];
      const journal = new Journal();
      const open = () =>
        Server.open({
          name: "test",
          listen: "127.0.0.1:0",
          tls,
          allowed: row.allowed ?? [],
          asserting: row.asserting ?? [],
          log: journal.log,
          drain: 0,
          routes: (router) =>
            router.service(IntentService, {
              fulfill: (_, context) => {
                calls.push(callOf(context));
                return {};
              },
            }),
        });
      if (!row.allowed?.length && !row.asserting?.length) {
        await assert.rejects(open(), /nobody could call/); // sooner than the row wants it
        return;
      }
      const server = await open();
      t.after(() => server.stop());
      const peer = JSON.stringify(row.peer);
      const certificate = certificates.get(peer) ?? certificateOf(row, authority, stranger);
      certificates.set(peer, certificate);
      const status = await call(server.address.port, row, certificate, authority.pem);
      if (row.code === "HANDSHAKE") {
        assert.equal(status, undefined);
        assert.equal(calls.length, 0);
        return;
      }
      assert.equal(status?.code, codeOf(row.code), status?.message);
      if (row.code !== "OK") {
        assert.equal(calls.length, 0);
        assert.match(status?.message ?? "", /^caller is not allowed$|^caller metadata is malformed$/);
        const { fields } = await journal.next("Call");
        assert.equal((fields.refusal as { reason: string }).reason, row.reason);
        return;
      }
      check(row, calls[0]);
    });
  }
});

function check(row: Row, call: Call | undefined): void {
  assert.deepEqual(call?.peer.names, row.peer.sans);
  assert.equal(call?.direct, row.call === "direct");
  if (row.call === "direct") {
    assert.deepEqual([call?.caller, call?.ref, call?.requestId], [undefined, undefined, ""]);
    return;
  }
  const sent = (key: string) => Buffer.from(row.metadata?.find((entry) => entry.key === key)?.base64 ?? "", "base64");
  const ref = fromBinary(CallRefSchema, sent("intentgate-call-bin"));
  assert.ok(call?.caller && equals(CallerSchema, call.caller, fromBinary(CallerSchema, sent("intentgate-caller-bin"))));
  assert.ok(call.ref && equals(CallRefSchema, call.ref, ref));
  assert.equal(call.requestId, ref.requestId);
}

function codeOf(name: string): number {
  if (name === "OK") return 0;
  return Code[name.toLowerCase().replace(/(^|_)([a-z])/g, (_, __, c: string) => c.toUpperCase()) as keyof typeof Code];
}

function certificateOf({ peer }: Row, authority: Authority, stranger: Authority) {
  const leaf: Leaf = { names: peer.sans ?? [], commonName: peer.common_name ?? "" };
  switch (peer.certificate) {
    case "none":
      return {};
    case "unknown_authority":
      return stranger.issue(leaf);
    case "expired":
      return authority.issue({ ...leaf, expired: true });
    case "server_only":
      return authority.issue({ ...leaf, usages: "serverAuth" });
    default:
      return authority.issue(leaf);
  }
}

/** Calls without this library's client: what it would not send is to be sent. Returns undefined where there is no connection. */
async function call(port: number, row: Row, certificate: { cert?: string; key?: string }, ca: string) {
  const session = connect(`https://127.0.0.1:${port}`, {
    ...certificate,
    ca,
    servername: "service.internal",
    minVersion: row.peer.tls === "1.2" ? "TLSv1.2" : "TLSv1.3",
    maxVersion: row.peer.tls === "1.2" ? "TLSv1.2" : "TLSv1.3",
  });
  session.on("error", () => {});
  const metadata: Record<string, string[]> = {};
  for (const { key, text, base64 } of row.metadata ?? []) {
    metadata[key] ??= [];
    metadata[key]?.push(text ?? base64 ?? "");
  }
  const stream = session.request({
    ":method": "POST",
    ":path": "/intentgate.v1.IntentService/Fulfill",
    "content-type": "application/grpc",
    te: "trailers",
    ...metadata,
  });
  let status: { code: number; message: string } | undefined;
  const take = (headers: Record<string, unknown>) => {
    if (headers["grpc-status"] === undefined) return;
    status = { code: Number(headers["grpc-status"]), message: decodeURIComponent(String(headers["grpc-message"] ?? "")) };
  };
  stream
    .on("response", take)
    .on("trailers", take)
    .on("error", () => {});
  stream.end(Buffer.alloc(5)); // an empty message
  stream.resume();
  await new Promise((resolve) => stream.once("close", resolve));
  session.destroy();
  return status;
}
