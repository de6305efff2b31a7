import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type DescriptorProto, durationMs, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { Interceptor } from "@connectrpc/connect";
import { Code, ConnectError, callOf, outgoing, refuse, run } from "@intentgate/service";
import { BadRequestSchema, LocalizedMessageSchema } from "@intentgate/service/gen/google/rpc/error_details_pb.js";
import { Health, HealthCheckResponse_ServingStatus as Status } from "@intentgate/service/gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "@intentgate/service/gen/grpc/reflection/v1/reflection_pb.js";
import {
  EchoRequestSchema,
  WaitedResponse_End as End,
  ProbeService,
} from "@intentgate/service/gen/intentgate/conformance/v1/probe_service_pb.js";
import { IntentService } from "@intentgate/service/gen/intentgate/v1/intent_service_pb.js";
import { ReplySchema } from "@intentgate/service/gen/intentgate/v1/reply_pb.js";
import { temporary } from "./pki.js";
import { nothing, start } from "./world.js";

const agent = (requestId: string) => ({
  headers: outgoing({ platform: 1, projectId: { value: "shop", proof: 3 } }, { session: "s", requestId }),
});

/** Returns the error of a call that fails. */
async function failure(call: Promise<unknown>): Promise<ConnectError> {
  const error = await call.then(
    () => assert.fail("the call has succeeded"),
    (reason) => ConnectError.from(reason),
  );
  return error;
}

test("echo: every digit, unknown fields, who calls and how long there is", async (t) => {
  const world = await start(t, { probe: true });
  const probe = world.channel("dns:gateway.internal").client(ProbeService);
  const request = create(EchoRequestSchema, {
    text: "Zürich 🦊 \u{10ffff}",
    signed: -(2n ** 63n),
    unsigned: 2n ** 64n - 1n,
    fixed: 2n ** 63n + 1n,
    data: new Uint8Array([0, 255]),
    orderId: "A-1042",
  });
  request.$unknown = [{ no: 999, wireType: 0, data: new Uint8Array([1]) }];
  const echo = await probe.echo(request, { ...agent("1.a"), timeoutMs: 60_000 });
  assert.deepEqual(echo.request, request);
  assert.deepEqual(echo.peer, ["dns:gateway.internal"]);
  assert.equal(echo.direct, false);
  assert.equal(echo.caller?.projectId?.value, "shop");
  assert.equal(echo.requestId, "1.a");
  const left = echo.timeLeft === undefined ? Number.NaN : durationMs(echo.timeLeft);
  assert.ok(left > 0 && left <= 60_000, `${left} ms are left of a minute`);

  const { fields, level } = await world.journal.next("Call");
  assert.equal(level, "info");
  assert.deepEqual(
    { ...fields, duration: 0 },
    {
      service: "test",
      method: "/intentgate.conformance.v1.ProbeService/Echo",
      code: "OK",
      duration: 0,
      peer: ["dns:gateway.internal"],
      caller: { platform: "ES", project: "shop", proof: "ID_TOKEN" },
      request_id: "1.a",
    },
  );

  const direct = await world.channel("dns:office.internal").client(ProbeService).echo({});
  assert.deepEqual([direct.direct, direct.caller, direct.requestId, direct.timeLeft], [true, undefined, "", undefined]);
  const none = await failure(world.channel("dns:canteen.internal").client(ProbeService).echo({}));
  assert.deepEqual([none.code, none.rawMessage], [Code.PermissionDenied, "caller is not allowed"]);
});

test("statuses carry their details", async (t) => {
  const world = await start(t, { probe: true });
  const probe = world.channel("dns:gateway.internal").client(ProbeService);
  const error = await failure(
    probe.refuse({
      code: Code.FailedPrecondition,
      message: "a ✓ message",
      localized: { en: "No.", de: "Nein.", "pt-BR": "Não." },
      violations: [
        { field: "items[0].quantity", description: "too many" },
        { field: "time", description: "full" },
        { field: "time", description: "past" },
      ],
      reply: { texts: ["How about three?"] },
    }),
  );
  assert.deepEqual([error.code, error.rawMessage], [Code.FailedPrecondition, "a ✓ message"]);
  assert.deepEqual(
    error.findDetails(LocalizedMessageSchema).map(({ locale, message }) => [locale, message]),
    [
      ["de", "Nein."],
      ["en", "No."],
      ["pt-BR", "Não."],
    ],
  );
  const [bad] = error.findDetails(BadRequestSchema);
  assert.deepEqual(
    bad?.fieldViolations.map(({ field, description }) => [field, description]),
    [
      ["items[0].quantity", "too many"],
      ["time", "full"],
      ["time", "past"],
    ],
  );
  assert.deepEqual(error.findDetails(ReplySchema)[0]?.texts, ["How about three?"]);
  assert.equal((await world.journal.next("Call")).level, "info");

  assert.equal((await failure(probe.refuse({ code: 0 }))).code, Code.Unknown);
  const crash = await failure(probe.refuse({ crash: true, message: "a secret" }));
  assert.deepEqual([crash.code, crash.rawMessage, crash.details], [Code.Internal, "internal error", []]);
  assert.match(String((await world.journal.next("Panic")).fields.value), /a secret/);
});

test("a handler's errors say what they are meant to, and nothing else", async (t) => {
  const throws = new Map<string, () => unknown>([
    ["status", () => Promise.reject(new ConnectError("gone", Code.NotFound, { "x-internal": "1" }))],
    ["text", () => Promise.reject(new ConnectError("half a \ud83e pair", Code.NotFound))],
    ["answer", () => ({ reply: { contexts: [{ lifespan: 1.5 }] } })],
    ["nothing", () => Promise.reject(undefined)],
    [
      "details",
      () => Promise.reject(refuse(Code.NotFound, "gone", { say: { en: "Gone." }, reply: { contexts: [{ lifespan: 1.5 }] } })),
    ],
  ]);
  const own: Interceptor = (next) => (request) => next(request);
  const world = await start(t, {
    routes: (router) =>
      router.service(
        IntentService,
        { fulfill: ({ webhookJson }) => throws.get(Buffer.from(webhookJson).toString())?.() as never },
        { interceptors: [own] }, // beside which those of the server stay
      ),
  });
  const client = world.channel("dns:gateway.internal").client(IntentService);
  const call = (name: string) => failure(client.fulfill({ webhookJson: Buffer.from(name) }));

  const status = await call("status");
  assert.deepEqual([status.code, status.rawMessage, status.metadata.get("x-internal")], [Code.NotFound, "gone", null]);
  assert.equal((await call("text")).rawMessage, "half a \ufffd pair");
  for (const name of ["answer", "nothing"]) {
    const { code, rawMessage } = await call(name);
    assert.deepEqual([code, rawMessage], [Code.Internal, "internal error"]);
    assert.equal((await world.journal.next("Panic")).fields.method, "/intentgate.v1.IntentService/Fulfill");
  }
  const { code, details } = await call("details");
  assert.deepEqual([code, details.length], [Code.NotFound, 1]); // without the one that cannot be written
  await world.journal.next("Panic");
});

test("deadlines and cancellations are heard", async (t) => {
  const world = await start(t, { probe: true });
  const probe = world.channel("dns:gateway.internal").client(ProbeService);
  const ended = async (id: string) => {
    for (;;) {
      const { end } = await probe.waited({ id });
      if (end !== End.WAITING) return end;
    }
  };
  const minute = { seconds: 60n };
  await probe.echo({}); // connects, however long that takes
  assert.equal((await failure(probe.wait({ id: "late", time: minute }, { timeoutMs: 1000 }))).code, Code.DeadlineExceeded);
  assert.equal(await ended("late"), End.CANCELLED);

  const cancel = new AbortController();
  const cancelled = failure(probe.wait({ id: "cancelled", time: minute }, { signal: cancel.signal }));
  while ((await probe.waited({ id: "cancelled" })).end !== End.WAITING);
  cancel.abort();
  assert.equal((await cancelled).code, Code.Canceled);
  assert.equal(await ended("cancelled"), End.CANCELLED);
  await probe.wait({ id: "whole", time: { nanos: 1_000_000 } });
  assert.equal(await ended("whole"), End.COMPLETED);

  // As far ahead as gRPC can say, and further than a timer can wait.
  await probe.wait({ id: "far" }, { headers: { "grpc-timeout": "99999999H" } });
});

test("once per idempotency key", async (t) => {
  const world = await start(t, { probe: true });
  const probe = world.channel("dns:gateway.internal").client(ProbeService);
  const counts = await Promise.all(["1.a", "1.b", "1.a", "1.a"].map(async (id) => (await probe.once({}, agent(id))).count));
  assert.deepEqual(counts, [1n, 2n, 1n, 1n]);
  assert.deepEqual([(await probe.once({})).count, (await probe.once({})).count], [3n, 4n]);
  assert.equal((await probe.once({}, agent("1.b"))).count, 2n);
});

test("large messages, and too large ones", async (t) => {
  const world = await start(t, { probe: true });
  const probe = world.channel("dns:gateway.internal").client(ProbeService);
  const data = new Uint8Array(3 << 20).fill(7);
  assert.equal(Buffer.compare((await probe.echo({ data })).request?.data ?? data.subarray(1), data), 0);
  assert.equal((await failure(probe.echo({ data: new Uint8Array(5 << 20) }))).code, Code.ResourceExhausted);
  assert.equal((await probe.echo({})).request?.data.length, 0);
  await world.server.stop(); // nothing of the one that was cut short is left
});

test("what is not served", async (t) => {
  const world = await start(t);
  const missing = await failure(world.channel("dns:gateway.internal").client(ProbeService).echo({}));
  assert.equal(missing.code, Code.Unimplemented);
  assert.match(missing.rawMessage, /unknown method \/intentgate.conformance.v1.ProbeService\/Echo/);
  // Strangers do not learn that.
  const stranger = world.channel("dns:canteen.internal");
  for (const call of [stranger.client(ProbeService).echo({}), stranger.client(Health).check({})]) {
    assert.equal((await failure(call)).code, Code.PermissionDenied);
  }
});

test("health", async (t) => {
  const world = await start(t);
  const health = world.channel("dns:gateway.internal").client(Health);
  assert.equal((await health.check({})).status, Status.SERVING);
  assert.equal((await health.check({ service: "intentgate.v1.IntentService" })).status, Status.SERVING);
  assert.equal((await failure(health.check({ service: "nobody.v1.Service" }))).code, Code.NotFound);
  assert.deepEqual(Object.keys((await health.list({})).statuses).sort(), ["", "intentgate.v1.IntentService"]);

  const statuses: Status[] = [];
  let watched: Promise<void> | undefined;
  await new Promise<void>((told) => {
    watched = (async () => {
      for await (const { status } of health.watch({})) {
        statuses.push(status);
        told();
      }
    })();
  });
  const enough = new AbortController();
  const unknown = async () => {
    for await (const { status } of health.watch({ service: "nobody.v1.Service" }, enough)) {
      assert.equal(status, Status.SERVICE_UNKNOWN);
      enough.abort();
    }
  };
  assert.equal((await failure(unknown())).code, Code.Canceled);
  await world.server.stop();
  await watched;
  assert.deepEqual(statuses, [Status.SERVING, Status.NOT_SERVING]);
});

test("reflection: what is served, with its annotations", async (t) => {
  const world = await start(t, { probe: true });
  const reflection = world.channel("dns:gateway.internal").client(ServerReflection);
  async function* requests() {
    yield { messageRequest: { case: "listServices", value: "*" } } as const;
    yield { messageRequest: { case: "fileContainingSymbol", value: "intentgate.conformance.v1.ProbeService.Echo" } } as const;
    yield { messageRequest: { case: "fileByFilename", value: "google/protobuf/descriptor.proto" } } as const;
    yield { messageRequest: { case: "fileContainingSymbol", value: "no.such.Thing" } } as const;
    const value = { containingType: "google.protobuf.MethodOptions", extensionNumber: 87340 };
    yield { messageRequest: { case: "fileContainingExtension", value } } as const;
    yield { messageRequest: { case: "allExtensionNumbersOfType", value: "google.protobuf.FieldOptions" } } as const;
  }
  const answers: unknown[] = [];
  const files: Uint8Array[][] = [];
  for await (const { messageResponse: answer } of reflection.serverReflectionInfo(requests())) {
    if (answer.case === "fileDescriptorResponse") files.push(answer.value.fileDescriptorProto);
    else if (answer.case === "listServicesResponse") answers.push(answer.value.service.map(({ name }) => name));
    else if (answer.case === "errorResponse") answers.push(answer.value.errorCode);
    else if (answer.case === "allExtensionNumbersResponse") answers.push(answer.value.extensionNumber);
  }
  assert.deepEqual(answers, [
    [
      "intentgate.v1.IntentService",
      "intentgate.conformance.v1.ProbeService",
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
    ],
    Code.NotFound,
    [87341],
  ]);
  const names = files.map((some) => some.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name));
  assert.equal(names[0]?.[0], "intentgate/conformance/v1/probe_service.proto");
  assert.ok(names[0]?.includes("intentgate/v1/annotations.proto"));
  assert.deepEqual(names[1], ["google/protobuf/descriptor.proto"]);
  assert.deepEqual(names[2], ["intentgate/v1/annotations.proto"]);
  annotated(fromBinary(FileDescriptorProtoSchema, files[0]?.[0] ?? new Uint8Array()).messageType);
});

/** Expects the annotation of a field byte for byte: parameter: "order-id", parameter: "order.id". */
function annotated(messages: readonly DescriptorProto[]): void {
  const field = messages.find(({ name }) => name === "EchoRequest")?.field.find(({ name }) => name === "order_id");
  const unknown = field?.options?.$unknown?.find(({ no }) => no === 87341);
  assert.equal(Buffer.from(unknown?.data ?? []).toString("latin1"), "\x14\x0a\x08order-id\x0a\x08order.id");
}

test("--descriptors writes what is served, imports first", async (t) => {
  const file = `${temporary(t)}/d.binpb`;
  const { signal } = new AbortController();
  const status = await run({ name: "test", routes: nothing }, { args: ["--probe", "--descriptors", file], signal });
  assert.equal(status, 0);
  const bytes = readFileSync(file);
  const set = fromBinary(FileDescriptorSetSchema, bytes);
  const names = set.file.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const [i, { dependency }] of set.file.entries()) {
    for (const name of dependency) assert.ok(names.indexOf(name) < i, `${name} after ${names[i]}`);
  }
  annotated(set.file.find(({ name }) => name.endsWith("probe_service.proto"))?.messageType ?? []);
  assert.deepEqual(Buffer.from(toBinary(FileDescriptorSetSchema, set)), bytes);
});

test("a call knows its context only behind the server", () => {
  assert.throws(() => callOf({ values: { get: () => undefined } as never }), /no call in the context/);
  assert.equal(refuse(Code.Aborted, "why").details.length, 0);
});
