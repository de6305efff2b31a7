import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type ConnectRouter, createConnectRouter } from "@connectrpc/connect";
import { type Log, logTo } from "../log.js";
import { checked, type ServerConfig, type TokensConfig, UsageError } from "./config.js";
import { descriptorSet } from "./descriptors.js";
import { type Flag, parseFlags } from "./flags.js";
import { checkMethods, register, Server } from "./server.js";

/** What a service is made of, beside what its command line says. */
export interface Service extends Partial<Pick<ServerConfig, "drain" | "maxConnectionAge" | "tokens" | "methods">> {
  /** Its name in the log and in messages, such as orders. */
  readonly name: string;
  /** Registers its handlers. It runs before `open`, too, where only what is registered is asked for. */
  readonly routes: (router: ConnectRouter) => void;
  /** Flags of its own, such as that of its store, by name. */
  readonly flags?: Readonly<Record<string, Flag>>;
  /**
   * Opens what the handlers need, once the command line has been read and before anybody is answered. What it returns is closed
   * when all calls have ended.
   */
  readonly open?: (flags: Readonly<Record<string, string>>) => Closable | Promise<Closable>;
  /** Takes one line a call, and what else there is to tell; default: stderr, as --log-format says. */
  readonly log?: Log;
}

/** What is to be closed at the end. */
export interface Closable {
  close(): void | Promise<void>;
}

/**
 * Runs a service until the process is interrupted or told to terminate, and then ends the process: with exit status 0 when all
 * went well, 1 when it did not, 2 when the command line is wrong. A second signal ends it at once.
 */
export async function main(service: Service): Promise<never> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(1);
      stop.abort();
    });
  }
  process.exit(await run(service, { args: process.argv.slice(2), signal: stop.signal }));
}

/** Where {@link run} gets what a process has. */
export interface Surroundings {
  readonly args: readonly string[];
  /** Ends the service. */
  readonly signal: AbortSignal;
  /** Takes the help; default: stdout. */
  readonly stdout?: (text: string) => void;
  /** Takes the log and what is wrong; default: stderr. */
  readonly stderr?: (text: string) => void;
}

/** Is {@link main} for those who end the process themselves: it returns the exit status. */
export async function run(
  service: Service,
  { args, signal, stdout = (text) => process.stdout.write(text), stderr = (text) => process.stderr.write(text) }: Surroundings,
): Promise<number> {
  try {
    await serve(service, args, signal, stdout, stderr);
    return 0;
  } catch (error) {
    const { message } = error as Error;
    if (!(error instanceof UsageError)) {
      stderr(`${service.name}: ${message}\n`);
      return 1;
    }
    stderr(`${service.name}: ${message}\nTry: ${service.name} --help\n`);
    return 2;
  }
}

async function serve(
  { name, routes, flags = {}, open, log, ...rest }: Service,
  args: readonly string[],
  signal: AbortSignal,
  stdout: (text: string) => void,
  stderr: (text: string) => void,
): Promise<void> {
  const line = parseFlags(name, args, flags);
  if (line.help !== undefined) return stdout(line.help);
  if (line.descriptors !== undefined) {
    writeFileSync(line.descriptors, descriptorSet(register(createConnectRouter(), name, routes, line.probe)));
    return;
  }
  const { cert, key, ca, listen, assert, allow, logFormat, probe } = line;
  const config: ServerConfig = {
    ...rest,
    name,
    routes,
    listen,
    tls: { cert, key, ca },
    asserting: assert,
    allowed: allow,
    probe,
    tokens: tokensOf(rest.tokens, line.tokens),
    methods: line.methods ?? rest.methods,
    log: log ?? logTo({ format: logFormat, write: stderr }),
  };
  // Before anything is opened.
  const whole = checked(config);
  if (config.methods !== undefined) {
    const router = createConnectRouter();
    register(router, name, routes, probe);
    checkMethods(whole, router);
  }
  const opened = await open?.(line.own);
  try {
    const server = await Server.open(config);
    if (!signal.aborted) await once(signal, "abort");
    await server.stop();
  } finally {
    await opened?.close();
  }
}

/** What the command line says of tokens goes before what the code says, and adds to its forwarders. */
function tokensOf(own: TokensConfig | undefined, flags: Partial<TokensConfig>): TokensConfig | undefined {
  if (Object.keys(flags).length === 0) return own;
  const forwarders = [...(own?.forwarders ?? []), ...(flags.forwarders ?? [])];
  return { keys: "", trustDomain: "", ...own, ...flags, forwarders };
}
