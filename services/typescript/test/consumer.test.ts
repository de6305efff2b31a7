// What a team outside this repository does on its first day: the guide of the README, in a folder of its own, with the package as
// npm takes it and a real gateway before the service.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporary } from "./pki.js";

const root = new URL("../../../", import.meta.url).pathname;

interface Block {
  readonly language: string;
  readonly text: string;
}

/** Returns the blocks of code of the README's guide. */
function guide(): readonly Block[] {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const [section = ""] = /\n## From an empty folder[\s\S]*?\n(?=## )/.exec(readme) ?? [];
  return [...section.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = "", text = ""]) => ({ language, text }));
}

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

test("from an empty folder to a first call", async (t) => {
  const parent = temporary(t);
  const folder = join(parent, "greeter");
  const intentgate = join(root, "bin/intentgate");
  mkdirSync(join(parent, "intentgate/bin"), { recursive: true });
  execFileSync("npm", ["pack", "--ignore-scripts", "--pack-destination", parent], {
    cwd: join(root, "services/typescript"),
    stdio: "pipe",
  });
  cpSync(join(parent, "intentgate-service-0.1.0.tgz"), join(parent, "intentgate/bin/intentgate-service.tgz"));

  // The commands, and the files that lie between them.
  let cwd = parent;
  for (const { language, text } of guide()) {
    const [, file] = /^(?:\/\/|#) (\S+\.\w+)\n/.exec(text) ?? [];
    if (file !== undefined) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text);
    } else if (language === "sh" && !text.includes("make build")) {
      const env = {
        ...process.env,
        npm_config_prefer_offline: "true",
        npm_config_ignore_scripts: "true",
        npm_config_before: "2026-11-22",
      };
      execFileSync("bash", ["-euo", "pipefail", "-c", text], { cwd, env, stdio: "pipe" });
      cwd = folder;
    }
  }

  execFileSync(intentgate, ["certs", "--out", "dev-certs"], { cwd: folder, stdio: "pipe" });
  const files = ["--ca", "dev-certs/internal-ca.pem", "--cert", "dev-certs/orders.pem", "--key", "dev-certs/orders.key"];
  const service = ["dist/main.js", "--listen", "127.0.0.1:0", "--assert", "dns:gateway.internal", ...files];
  const [, address = ""] = await running(t, folder, process.execPath, service, /msg=Listening .*address=(\S+)\n/);
  execFileSync(process.execPath, ["dist/main.js", "--descriptors", "greeter.binpb"], { cwd: folder });

  const config = readFileSync(join(folder, "intentgate.yaml"), "utf8")
    .replace("127.0.0.1:8443", "127.0.0.1:0")
    .replace("127.0.0.1:8444", address);
  for (const [source, yaml] of [
    ["reflection", config],
    ["descriptor set", config.replace("reflection: {}", "descriptor_set: greeter.binpb")],
  ] as const) {
    await t.test(`by ${source}`, async (t) => {
      writeFileSync(join(folder, "intentgate.yaml"), yaml);
      const ready = /^(?=[\s\S]*Intents learnt)(?=[\s\S]*Service reachable)[\s\S]*edge +(https:\S+)\n/;
      const [, edge] = await running(t, folder, intentgate, ["serve", "--config", "intentgate.yaml"], ready);
      const say = (...turn: string[]) => {
        const flags = ["--dev", "dev-certs", "--audience", "https://localhost:8443/dialogflow/es", "--intent", "greet.hello"];
        return execFileSync(intentgate, ["simulate", `${edge}/dialogflow/es`, ...flags, ...turn], {
          cwd: folder,
          encoding: "utf8",
        });
      };
      assert.match(say("--param", "name=Ada"), /say: Hello, Ada!\n +set the context greeter-service for 5 turns with greeted/);
      assert.match(say("--param", "name=Žofie 🦊", "--language", "de-AT"), /say: Hallo, Žofie 🦊!/);
      assert.match(say("--language", "de"), /say: Wie heißen Sie\?/);
    });
  }
});
