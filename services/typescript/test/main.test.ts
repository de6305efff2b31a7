import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { Channel, run, type Service } from "@intentgate/service";
import { Health } from "@intentgate/service/gen/grpc/health/v1/health_pb.js";
import { ProbeService } from "@intentgate/service/gen/intentgate/conformance/v1/probe_service_pb.js";
import { Authority, temporary } from "./pki.js";
import { nothing } from "./world.js";

const never = new AbortController().signal;

async function outcome(service: Service, args: readonly string[], signal = never) {
  let stdout = "";
  let stderr = "";
  const status = await run(service, {
    args,
    signal,
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
  });
  return { status, stdout, stderr };
}

test("help", async () => {
  const flags = { store: { value: "FILE", help: "the orders", default: "orders.db" } };
  const { status, stdout, stderr } = await outcome({ name: "orders", routes: nothing, flags }, ["--help"]);
  assert.deepEqual([status, stderr], [0, ""]);
  for (const want of [
    "orders --cert orders.pem",
    "--listen",
    "--assert",
    "--allow",
    "--log-format",
    "--descriptors",
    "--probe",
  ]) {
    assert.ok(stdout.includes(want), `help does not mention ${want}`);
  }
  assert.ok(stdout.includes("  --store FILE          the orders (default orders.db)\n"));
});

test("wrong command lines", async () => {
  const flags = { store: { value: "FILE", help: "the file of the orders" } };
  for (const [args, want] of [
    [["--unknown"], /unknown/],
    [["positional"], /positional/],
    [["--store", "x", "--log-format", "xml"], /--log-format is "xml": want text or json/],
    [[], /--store is missing: want the file of the orders/],
    [["--store", "x"], /--cert[\s\S]*--assert/],
    [["--store", "x", "--assert", "gateway"], /unknown kind/],
  ] as const) {
    const { status, stderr } = await outcome({ name: "orders", routes: nothing, flags }, args);
    assert.equal(status, 2);
    assert.match(stderr, want);
    assert.match(stderr, /Try: orders --help/);
  }
});

test("what is opened is closed, and not opened for nothing", async (t) => {
  const tls = new Authority(t).files(temporary(t), "dns:service.internal");
  const args = [
    "--listen",
    "127.0.0.1:0",
    "--cert",
    tls.cert,
    "--key",
    tls.key,
    "--ca",
    tls.ca,
    "--assert",
    "dns:gateway.internal",
  ];
  const stop = new AbortController();
  const seen: string[] = [];
  const service: Service = {
    name: "orders",
    routes: nothing,
    flags: { store: { value: "FILE", help: "the orders", default: "here" } },
    open: ({ store = "" }) => {
      seen.push(`opened ${store}`);
      queueMicrotask(() => stop.abort());
      return { close: () => void seen.push("closed") };
    },
  };
  const { status, stderr } = await outcome(service, [...args, "--store", "there"], stop.signal);
  assert.equal(status, 0, stderr);
  assert.deepEqual(seen, ["opened there", "closed"]);
  assert.match(stderr, /level=INFO msg=Listening service=orders address=127.0.0.1:\d+\n[\s\S]*msg=Draining/);

  assert.equal((await outcome(service, [...args, "--cert", "missing.pem"], stop.signal)).status, 1);
  assert.deepEqual(seen.slice(2), ["opened here", "closed"]);
  const locked = await outcome({ ...service, open: () => Promise.reject(new Error("locked")) }, args);
  assert.deepEqual([locked.status, locked.stderr], [1, "orders: locked\n"]);
  await outcome(service, ["--help"]);
  assert.equal(seen.length, 4);
});

/** Starts a service as a process. */
async function started(t: TestContext, ...more: string[]) {
  const folder = temporary(t);
  const authority = new Authority(t);
  const { cert, key, ca } = authority.files(`${folder}/service`, "dns:service.internal");
  const flags = ["--listen", "127.0.0.1:0", "--cert", cert, "--key", key, "--ca", ca, "--assert", "dns:gateway.internal"];
  const program = new URL("hello.js", import.meta.url).pathname;
  const child = spawn(process.execPath, [program, ...flags, ...more, "--log-format=json"], {
    stdio: ["ignore", "inherit", "pipe"],
  });
  t.after(() => child.kill("SIGKILL"));
  const [line] = await once(child.stderr, "data");
  const { msg, address } = JSON.parse(String(line));
  assert.equal(msg, "Listening");
  const tls = authority.files(`${folder}/gateway`, "dns:gateway.internal");
  const channel = new Channel({ target: address, serverName: "service.internal", tls, log: () => {} });
  t.after(() => channel.close());
  return { child, channel };
}

test("a process answers until it is told to end", async (t) => {
  const { child, channel } = await started(t);
  assert.equal((await channel.client(Health).check({})).status, 1);
  child.kill("SIGTERM");
  assert.deepEqual(await once(child, "exit"), [0, null]);
});

test("a second signal ends a process at once, whichever it is", async (t) => {
  const { child, channel } = await started(t, "--probe");
  const probe = channel.client(ProbeService);
  probe.wait({ id: "slow", time: { seconds: 60n } }).catch(() => {});
  while ((await probe.waited({ id: "slow" })).end === 0);
  const draining = new Promise<void>((resolve) => {
    child.stderr.on("data", (line) => String(line).includes("Draining") && resolve());
  });
  child.kill("SIGTERM");
  await draining;
  child.kill("SIGINT");
  assert.deepEqual(await once(child, "exit"), [1, null]);
});
