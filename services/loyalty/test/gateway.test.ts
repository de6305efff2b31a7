// The service as users and programs meet it: behind a gateway, and beside the orders service, which is written in Go.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

const root = new URL("../../../", import.meta.url).pathname;
const intentgate = join(root, "bin/intentgate");

/** Starts a program that runs until the test is over, and returns what it says when that matches. */
async function running(
  t: TestContext,
  cwd: string,
  command: string,
  args: readonly string[],
  until: RegExp,
): Promise<RegExpExecArray> {
  const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => child.kill("SIGKILL"));
  let said = "";
  return new Promise((resolve, reject) => {
    const hear = (data: Buffer) => {
      said += data;
      const match = until.exec(said);
      if (match !== null) resolve(match);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("exit", () => reject(new Error(`${command} ${args.join(" ")} has ended: ${said}`)));
  });
}

const config = (target: string) => `
edge:
  listen: "127.0.0.1:0"
  certificate: {cert: certs/edge.pem, key: certs/edge.key}
  clients:
    - {name: dev, like: dialogflow, roots: {ssl_com: certs/ssl-com-root.pem, gts: certs/gts-root.pem}}
webhooks:
  - path: /es
    platform: ES
    profiles: [dev]
    id_token: {audiences: ["https://shop.example/es"]}
    projects: [{id: shop, number: 415104041262}]
  - path: /cx
    platform: CX
    timeout: 5s
    profiles: [dev]
    id_token: {audiences: ["https://shop.example/cx"]}
    projects: [{id: shop, number: 415104041262}]
id_token_keys: {file: certs/jwks.json}
caller_tokens: {issuer: "https://gateway.internal", trust_domain: shop.internal, keys: [tokens.key]}
services:
  - name: loyalty
    target: ${target}
    tls: {ca: certs/internal-ca.pem, cert: certs/gateway.pem, key: certs/gateway.key, server_name: orders.internal}
    intents:
      descriptor_set: loyalty.binpb
      allow: {intents: ["loyalty.*"], actions: ["loyalty.*"], tags: ["loyalty-*", redeem-points]}
`;

/** Points are for projects that are proven, and only programs bring them. */
const policy = {
  methods: {
    "shop.loyalty.v1.LoyaltyService/CreditOrder": { callers: ["dns:callcenter.internal"] },
    "shop.loyalty.v1.LoyaltyService/*": { asserted: { project: ["ID_TOKEN", "SECRET"] } },
  },
};

test("users and programs", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "loyalty-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  execFileSync(intentgate, ["certs", "--out", "certs"], { cwd: folder, stdio: "pipe" });

  const main = new URL("../dist/main.js", import.meta.url).pathname;
  const tls = ["--ca", "certs/internal-ca.pem", "--cert", "certs/orders.pem", "--key", "certs/orders.key"];
  const flags = ["--listen", "127.0.0.1:0", "--assert", "dns:gateway.internal", "--allow", "dns:callcenter.internal", ...tls];
  const listening = /msg=Listening .*address=(\S+)\n/;
  execFileSync(process.execPath, [main, "--descriptors", "loyalty.binpb"], { cwd: folder });
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  writeFileSync(join(folder, "tokens.key"), privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  writeFileSync(join(folder, "intentgate.yaml"), config("127.0.0.1:1"));
  const jwks = execFileSync(intentgate, ["jwks", "--config", "intentgate.yaml"], { cwd: folder });
  writeFileSync(join(folder, "jwks.json"), jwks);
  writeFileSync(join(folder, "policy.json"), JSON.stringify(policy));
  const tokens = ["--jwks", "jwks.json", "--trust-domain", "shop.internal", "--issuer", "https://gateway.internal"];
  const rules = [...tokens, "--policy", "policy.json"];
  const [, loyalty = ""] = await running(t, folder, process.execPath, [main, ...flags, ...rules], listening);
  const [, orders = ""] = await running(t, folder, join(root, "bin/orders"), flags, listening);
  writeFileSync(join(folder, "intentgate.yaml"), config(loyalty));
  const ready = /^(?=[\s\S]*Service reachable)[\s\S]*edge +(https:\S+)\n/;
  const [, edge] = await running(t, folder, intentgate, ["serve", "--config", "intentgate.yaml"], ready);

  const say = (platform: "es" | "cx", ...turn: string[]) => {
    const who = ["--dev", "certs", "--platform", platform.toUpperCase(), "--audience", `https://shop.example/${platform}`];
    const simulate = ["simulate", `${edge}/${platform}`, ...who, "--descriptors", "loyalty.binpb", ...turn];
    return execFileSync(intentgate, simulate, { cwd: folder, encoding: "utf8" });
  };
  const balance = ["--intent", "loyalty.balance", "--param"];
  assert.match(
    say("es", ...balance, "card=L-9007", "--language", "de"),
    /say: Ihre Karte hat 9\.007\.199\.254\.740\.993 Punkte\./,
  );
  assert.match(say("es", ...balance, "card=L-0000"), /say: I can't find a card with that number\./);
  assert.match(say("cx", "--tag", "loyalty-balance", "--param", "card=2077"), /say: The number on the card looks like L-2077\./);

  const redeem = ["--tag", "redeem-points", "--param", "card=L-2077", "--param"];
  assert.match(say("cx", ...redeem, "points=1000"), /say: Here is your voucher of €10\.00: \S+ You have 250 points left\./);
  assert.match(say("cx", ...redeem, "points=1000", "--language", "de"), /say: Sie haben 250 Punkte, und das reicht nicht\./);

  const certificate = ["--ca", "certs/internal-ca.pem", "--cert", "certs/callcenter.pem", "--key", "certs/callcenter.key"];
  const services = ["--orders", orders, "--loyalty", loyalty, "--server-name", "orders.internal"];
  const credit = (...args: string[]) => {
    const program = new URL("../dist/credit.js", import.meta.url).pathname;
    return execFileSync(process.execPath, [program, ...certificate, ...services, ...args], {
      cwd: folder,
      encoding: "utf8",
      stdio: "pipe",
    });
  };
  assert.match(credit("L-2077", "A-1042"), /^A-1042 brings points once it is delivered\. Order A-1042, two stoneware mugs/);
  assert.equal(credit("L-2077", "A-1044"), "A-1044 has brought its points: L-2077 has 350\n");
  assert.equal(credit("L-2077", "A-1044"), "A-1044 had brought its points: L-2077 has 350\n");
  assert.throws(() => credit("L-2077", "Z-9999"), /\[not_found\]/);
  assert.throws(() => credit("L-2077"), /want --cert, --key, --ca, a card and an order/);
});
