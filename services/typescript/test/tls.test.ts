import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, renameSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import * as http2 from "node:http2";
import { join } from "node:path";
import { test } from "node:test";
import { type ConnectionOptions, connect, type PeerCertificate } from "node:tls";
import { Channel, Code, ConnectError, type Files, Server } from "@intentgate/service";
import { Health } from "@intentgate/service/gen/grpc/health/v1/health_pb.js";
import { WaitedResponse_End as End, ProbeService } from "@intentgate/service/gen/intentgate/conformance/v1/probe_service_pb.js";
import { IntentService } from "@intentgate/service/gen/intentgate/v1/intent_service_pb.js";
import { Authority, put, temporary, write } from "./pki.js";
import { Journal, nothing, start, type World } from "./world.js";

/** Returns the certificate that a server shows now. */
function shown({ target, authority }: World): Promise<PeerCertificate> {
  const [host, port] = target.split(":");
  const { cert, key } = authority.issue({ names: ["dns:gateway.internal"] });
  const options = { host, port: Number(port), ca: authority.pem, cert, key, servername: "service.internal" };
  return new Promise((resolve, reject) => {
    const socket = connect({ ...options, ALPNProtocols: ["h2"] }, () => {
      resolve(socket.getPeerCertificate());
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

test("a renewed certificate is shown, a bad one is not", async (t) => {
  const world = await start(t);
  const first = (await shown(world)).serialNumber;
  const renewed = world.authority.issue({ names: ["dns:service.internal"] });
  write(`${world.folder}/service`, renewed, world.authority.pem);
  await world.journal.next("Files reloaded");
  const second = (await shown(world)).serialNumber;
  assert.notEqual(second, first);

  put(world.files.key, world.authority.issue({ names: [] }).key);
  const { fields } = await world.journal.next("Kept what is in force because the new files are no good");
  assert.match(String(fields.error), /key.pem is not the key of the first certificate in .*cert.pem/);
  assert.equal((await shown(world)).serialNumber, second);

  put(world.files.key, renewed.key);
  await world.journal.next("Files are good again");
  // A copy of the gateway's channel made before all that goes on.
  assert.equal((await world.channel("dns:gateway.internal").client(Health).check({})).status, 1);
});

test("certificates are swapped as Kubernetes does, by a link beside them", async (t) => {
  const folder = temporary(t);
  const authority = new Authority(t);
  authority.files(join(folder, "..1"), "dns:service.internal");
  symlinkSync("..1", join(folder, "..data"));
  const tls = {} as Record<keyof Files, string>;
  for (const name of ["cert", "key", "ca"] as const) {
    tls[name] = join(folder, `${name}.pem`);
    symlinkSync(`..data/${name}.pem`, tls[name]);
  }
  const journal = new Journal();
  const config = { name: "test", routes: nothing, listen: "127.0.0.1:0", asserting: ["dns:gateway.internal"] };
  const server = await Server.open({ ...config, tls, log: journal.log, drain: 0 });
  t.after(() => server.stop());
  authority.files(join(folder, "..2"), "dns:service.internal");
  symlinkSync("..2", join(folder, "..data_tmp"));
  renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
  await journal.next("Files reloaded");
});

test("whoever is no longer trusted is cut off, and nobody else", async (t) => {
  const world = await start(t, { probe: true });
  const other = new Authority(t);
  put(world.files.ca, world.authority.pem + other.pem);
  await world.journal.next("Files reloaded");

  const foreign = write(`${world.folder}/foreign`, other.issue({ names: ["dns:office.internal"] }), world.authority.pem);
  const withdrawn = new Channel({ target: world.target, serverName: "service.internal", tls: foreign, log: () => {} });
  t.after(() => withdrawn.close());
  const kept = world.channel("dns:gateway.internal");
  const calls = [withdrawn, kept].map((channel, i) => {
    const call = channel.client(ProbeService).wait({ id: String(i), time: { seconds: i === 0 ? 60n : 1n } });
    call.catch(() => {});
    return call;
  });
  const probe = kept.client(ProbeService);
  for (const id of ["0", "1"]) while ((await probe.waited({ id })).end !== End.WAITING);

  put(world.files.ca, world.authority.pem);
  const { fields } = await world.journal.next("Connection ended, its certificate is no longer good");
  assert.deepEqual(fields.names, ["dns:office.internal"]);
  await assert.rejects(calls[0] as Promise<unknown>, (error) => error instanceof ConnectError);
  await calls[1];
  assert.equal((await probe.waited({ id: "0" })).end, End.CANCELLED);
  await assert.rejects(withdrawn.client(ProbeService).echo({}));
});

test("a connection ends with its certificate", async (t) => {
  let now = new Date(Date.now() + 60_000); // certificates are made meanwhile
  const world = await start(t, { now: () => now });
  await world.channel("dns:gateway.internal").client(Health).check({});
  now = new Date(Date.now() + 48 * 3600_000);
  utimesSync(world.files.ca, now, now); // which makes it look
  await world.journal.next("Connection ended, its certificate is no longer good");
});

test("handshakes that fail are told", async (t) => {
  const world = await start(t);
  const { cert, key } = new Authority(t).issue({ names: ["dns:gateway.internal"] });
  const stranger = write(`${world.folder}/stranger`, { cert, key }, world.authority.pem);
  const channel = new Channel({ target: world.target, serverName: "service.internal", tls: stranger, log: () => {} });
  t.after(() => channel.close());
  await assert.rejects(channel.client(Health).check({}));
  const { level, fields } = await world.journal.next("Handshake failed");
  assert.equal(level, "warn");
  assert.match(String(fields.error), /UNABLE_TO|SELF_SIGNED|certificate/i);
});

test("a client wants the service's own name", async (t) => {
  const world = await start(t);
  const tls = world.authority.files(`${world.folder}/client`, "dns:gateway.internal");
  const channel = new Channel({ target: world.target, serverName: "other.internal", tls, log: () => {} });
  t.after(() => channel.close());
  await assert.rejects(channel.client(Health).check({}), /is for DNS:service.internal, not for other.internal/);
  // An address is one of the certificate's, or none.
  const address = new Channel({ target: world.target, tls, log: () => {} });
  t.after(() => address.close());
  await assert.rejects(address.client(Health).check({}), /not for 127.0.0.1/);
});

test("a client believes no other authority, whatever the environment says", async (t) => {
  const world = await start(t);
  const tls = world.authority.files(`${world.folder}/client`, "dns:gateway.internal");
  const elsewhere = new Authority(t).files(`${world.folder}/elsewhere`, "dns:gateway.internal");
  const channel = new Channel({
    target: world.target,
    serverName: "service.internal",
    tls: { ...tls, ca: elsewhere.ca },
    log: () => {},
  });
  t.after(() => channel.close());
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
  t.after(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED);
  await assert.rejects(channel.client(Health).check({}), /self.signed certificate|unable to (get|verify)|signature/i);
});

test("a client's certificate is read again", async (t) => {
  const world = await start(t, { probe: true });
  const folder = `${world.folder}/client`;
  const tls = world.authority.files(folder, "dns:gateway.internal");
  const journal = new Journal();
  const channel = new Channel({ target: world.target, serverName: "service.internal", tls, log: journal.log });
  t.after(() => channel.close());
  const probe = channel.client(ProbeService);
  assert.deepEqual((await probe.echo({})).peer, ["dns:gateway.internal"]);
  const before = probe.wait({ id: "before", time: { seconds: 60n } });
  before.catch(() => {});
  while ((await probe.waited({ id: "before" })).end !== End.WAITING);
  world.authority.files(folder, "dns:office.internal");
  await journal.next("Files reloaded");
  assert.deepEqual((await probe.echo({})).peer, ["dns:office.internal"]);
  assert.equal((await probe.waited({ id: "before" })).end, End.WAITING); // on the connection of the former certificate
  channel.close();
  await assert.rejects(before, (error) => ConnectError.from(error).code === Code.Canceled);
});

test("a stop lets calls end, and takes no more", async (t) => {
  const world = await start(t, { probe: true, drain: Number.POSITIVE_INFINITY });
  const probe = world.channel("dns:gateway.internal").client(ProbeService);
  const slow = probe.wait({ id: "slow", time: { nanos: 500_000_000 } });
  while ((await probe.waited({ id: "slow" })).end !== End.WAITING);
  const stopped = world.server.stop();
  await slow;
  await stopped;
  await assert.rejects(world.channel("dns:gateway.internal").client(ProbeService).echo({}));
});

test("no call is lost to a stop under load", async (t) => {
  const world = await start(t, { probe: true });
  const failures: unknown[] = [];
  let done = 0;
  let stopping = false;
  const callers = Array.from({ length: 16 }, async () => {
    const probe = world.channel("dns:gateway.internal").client(ProbeService);
    while (!stopping) {
      await probe.echo({}).then(
        () => done++,
        (error) => failures.push(error),
      );
    }
  });
  while (done < 100) await new Promise((resolve) => setImmediate(resolve));
  const stopped = world.server.stop();
  stopping = true;
  await Promise.all([stopped, ...callers]);
  // A call that had not left yet finds nobody listening. No other fails.
  for (const error of failures) assert.match(String(error), /ECONNREFUSED/);
});

test("a stop does not wait for ever", async (t) => {
  const world = await start(t, { probe: true, drain: 50 });
  const probe = world.channel("dns:gateway.internal").client(ProbeService);
  const slow = probe.wait({ id: "slow", time: { seconds: 60n } });
  slow.catch(() => {});
  while ((await probe.waited({ id: "slow" })).end !== End.WAITING);
  await assert.rejects(world.server.stop(), /cut off/);
  await assert.rejects(slow);
});

test("a stop does not wait for a peer that leaves its connection open", async (t) => {
  const world = await start(t, { drain: 100 });
  const { cert, key } = world.authority.issue({ names: ["dns:gateway.internal"] });
  const [host, port] = world.target.split(":");
  const options = {
    host,
    port: Number(port),
    cert,
    key,
    ca: world.authority.pem,
    servername: "service.internal",
    ALPNProtocols: ["h2"],
  };
  const socket = connect(options as ConnectionOptions);
  socket.on("error", () => {});
  t.after(() => socket.destroy());
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"); // an empty SETTINGS, and never again a word
  await once(socket, "data");
  await world.server.stop();
});

test("connections end when they are of age, calls do not", async (t) => {
  const world = await start(t, { probe: true, maxConnectionAge: 100 });
  const { cert, key } = world.authority.issue({ names: ["dns:gateway.internal"] });
  const session = http2.connect(`https://${world.target}`, {
    cert,
    key,
    ca: world.authority.pem,
    servername: "service.internal",
  });
  t.after(() => session.destroy());
  await once(session, "goaway");

  const probe = world.channel("dns:gateway.internal").client(ProbeService);
  await probe.wait({ time: { nanos: 700_000_000 } }); // outlives its connection
  for (let i = 0; i < 30; i++) await probe.wait({ time: { nanos: 20_000_000 } });
});

test("what is wrong with the configuration is said at once", async (t) => {
  const config = { name: "", routes: nothing, listen: "nowhere", tls: { cert: "", key: "", ca: "" }, log: () => {} };
  await assert.rejects(Server.open(config), (error: Error) => {
    for (const want of ["name is", "--cert", "--key", "--ca", "nobody could call", "(--listen)"]) {
      assert.ok(error.message.includes(want), `${error.message} does not say ${want}`);
    }
    return true;
  });
  const folder = temporary(t);
  const tls = new Authority(t).files(folder, "dns:service.internal");
  const good = { ...config, name: "test", listen: "127.0.0.1:0", tls, asserting: ["dns:gateway.internal"] };
  await assert.rejects(
    Server.open({ ...good, asserting: ["gateway.internal", "dns:*.internal"] }),
    /unknown kind[\s\S]*wildcards/,
  );
  await assert.rejects(Server.open({ ...good, routes: () => {} }), /nothing to serve/);

  const server = await Server.open({ ...good, drain: 0 });
  t.after(() => server.stop());
  await assert.rejects(Server.open({ ...good, listen: `127.0.0.1:${server.address.port}` }), /service "test": .*EADDRINUSE/);
});

test("what is wrong with the files is said with a remedy", async (t) => {
  const folder = temporary(t);
  const authority = new Authority(t);
  const good = authority.files(folder, "dns:service.internal");
  const file = (name: string, text: string) => put(join(folder, name), text);
  const expired = authority.issue({ names: ["dns:service.internal"], expired: true });
  const weak = authority.issue({ names: ["dns:service.internal"], weak: true });
  mkdirSync(join(folder, "sub"));
  const cases: [Partial<Files>, RegExp][] = [
    [{ cert: join(folder, "missing.pem") }, /missing.pem: no such file; check the path/],
    [{ cert: join(folder, "sub") }, /sub: is a folder; name a file in it/],
    [{ cert: good.key, key: good.cert }, /private key where a certificate is wanted; are the two files swapped\?/],
    [{ cert: file("empty.pem", "") }, /the file is empty/],
    [{ cert: file("text.pem", "hello") }, /no PEM block in the file/],
    [{ cert: file("cut.pem", authority.pem.slice(0, 200)) }, /cut off or damaged/],
    [{ cert: file("none.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") }, /is no certificate/],
    [{ key: good.cert }, /certificate where a private key is wanted/],
    [{ key: file("other.key", authority.issue({ names: [] }).key) }, /is not the key of the first certificate/],
    [{ ca: good.cert }, /is no authority; put the one there that signed it/],
    [{ cert: file("old.pem", expired.cert), key: file("old.key", expired.key) }, /has expired on .*; renew it/],
    [
      { cert: file("weak.pem", weak.cert), key: file("weak.key", weak.key) },
      /weak.pem and .*weak.key: TLS does not take them: .*small/,
    ],
  ];
  for (const [wrong, want] of cases) {
    const config = { name: "test", routes: nothing, listen: "127.0.0.1:0", asserting: ["dns:gateway.internal"], log: () => {} };
    await assert.rejects(Server.open({ ...config, tls: { ...good, ...wrong } }), want);
  }
  writeFileSync(good.cert, "");
});

test("an error of the handshake is UNAVAILABLE", async (t) => {
  const tls = new Authority(t).files(temporary(t), "dns:gateway.internal");
  const channel = new Channel({ target: "127.0.0.1:1", tls, log: () => {} });
  t.after(() => channel.close());
  await assert.rejects(channel.client(Health).check({}), (error) => ConnectError.from(error).code === Code.Unavailable);
});

test("what a service says of another one is no reason to call it again", async (t) => {
  let calls = 0;
  const fulfill = () => {
    calls++;
    throw new ConnectError("Stream closed with error code NGHTTP2_REFUSED_STREAM", Code.Unavailable);
  };
  const world = await start(t, { routes: (router) => router.service(IntentService, { fulfill }) });
  await assert.rejects(world.channel("dns:gateway.internal").client(IntentService).fulfill({}), /NGHTTP2_REFUSED_STREAM/);
  assert.equal(calls, 1);
});
