import { constants } from "node:crypto";
import { createSecureServer, type Http2SecureServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, Server as NetServer } from "node:net";
import type { TLSSocket } from "node:tls";
import type { DescService } from "@bufbuild/protobuf";
import { type ConnectRouter, createConnectRouter } from "@connectrpc/connect";
import { compressionGzip } from "@connectrpc/connect-node";
import { Health } from "../../gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { ProbeService } from "../../gen/intentgate/conformance/v1/probe_service_pb.js";
import { Policy } from "../caller/policy.js";
import { Tokens } from "../caller/tokens.js";
import { type Log, withFields } from "../log.js";
import { Identity } from "../mtls/identity.js";
import { readRoots } from "../mtls/pem.js";
import { Keys } from "../token/keys.js";
import { Verifier } from "../token/verifier.js";
import { Answering } from "./answer.js";
import { addressOf, type Checked, checked, type ServerConfig, UsageError } from "./config.js";
import { HealthService } from "./health.js";
import { behind, recovery } from "./interceptors.js";
import { Probe } from "./probe.js";
import { ReflectionService } from "./reflection.js";
import { Sessions } from "./sessions.js";
import { telemetry } from "./telemetry.js";

const maxRequest = 4 << 20; // bytes; a webhook's body is a quarter of that at most
const maxHeaders = 32 << 10;
const maxStreams = 1024; // calls at one time on one connection
const window = 1 << 20; // bytes that a call may send ahead
const handshakeTime = 10_000;

/** A gRPC server over mutual TLS. */
export class Server {
  readonly #http: Http2SecureServer;
  readonly #sessions: Sessions;
  readonly #health: HealthService;
  readonly #log: Log;
  readonly #unwatch: () => void;
  #stopped: Promise<void> | undefined;

  /** Checks the configuration, reads the certificates and listens. Where it fails nothing is left open. */
  static async open(config: ServerConfig): Promise<Server> {
    const server = new Server(config);
    try {
      await new Promise<void>((resolve, reject) => {
        server.#http.once("error", reject).listen(addressOf(config.listen), () => {
          server.#http.off("error", reject).on("error", (error) => server.#log("error", "Accepting failed", { error }));
          resolve();
        });
      });
    } catch (error) {
      server.#unwatch();
      throw new Error(`service "${config.name}": ${(error as Error).message}`);
    }
    server.#log("info", "Listening", { address: `${server.address.host}:${server.address.port}` });
    return server;
  }

  private constructor(config: ServerConfig) {
    const whole = checked(config);
    const { name, tls, log, lists, now, drain, maxConnectionAge, probe, routes } = whole;
    this.#log = withFields(log, { service: name });
    const identity = new Identity(tls, this.#log, now);
    const keys = keysOf(whole, this.#log);
    const interceptors = [
      telemetry(), // outermost, so that it sees the status that is sent
      recovery(this.#log),
    ];
    const router = createConnectRouter({
      connect: false,
      grpcWeb: false,
      interceptors,
      readMaxBytes: maxRequest,
      acceptCompression: [compressionGzip],
    });
    const services = register(router, name, (one) => routes(behind(one, interceptors)), probe);
    checkMethods(whole, router);
    this.#health = new HealthService(services.map(({ typeName }) => typeName));
    router.service(Health, this.#health);
    router.service(ServerReflection, new ReflectionService([...services, Health, ServerReflection]));
    const policy = new Policy({ ...lists, tokens: keys && tokensOf(whole, keys) });
    const answering = new Answering(router.handlers, policy, this.#log);
    this.#sessions = new Sessions({ drain, maxConnectionAge }, () => identity.roots, this.#log, now);

    const options = () => ({
      ...identity.contextOptions(),
      // A resumed session would keep the verdict of authorities that may be gone.
      secureOptions: constants.SSL_OP_NO_TICKET,
    });
    this.#http = createSecureServer({
      ...options(),
      requestCert: true,
      rejectUnauthorized: true,
      handshakeTimeout: handshakeTime,
      settings: { maxConcurrentStreams: maxStreams, maxHeaderListSize: maxHeaders, initialWindowSize: window },
      maxSessionMemory: 64, // megabytes
    });
    // A session hides its connection; this comes right before the session of that connection.
    let connection: TLSSocket;
    this.#http.prependListener("secureConnection", (socket) => {
      connection = socket;
    });
    this.#http.on("session", (session) => this.#sessions.add(session, connection));
    this.#http.on("sessionError", () => {}); // its calls are told
    this.#http.on("tlsClientError", refused(this.#log));
    this.#http.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _: number, fields: string[]) => {
      stream.on("error", () => {}); // the caller is gone
      const peer = this.#sessions.begin(stream);
      if (peer === undefined) stream.destroy();
      else answering.answer(stream, headers, fields, peer).catch((error) => this.#log("error", "Panic", { value: error }));
    });
    identity.onChange(() => this.#http.setSecureContext(options()));
    // Certificates are looked after while the calls in flight end, too.
    const unwatch = [identity.watch(() => this.#sessions.endUntrusted()), keys?.watch()];
    this.#unwatch = () => {
      for (const stop of unwatch) stop?.();
    };
  }

  /** The address that the server listens on. */
  get address(): { readonly host: string; readonly port: number } {
    const { address, family, port } = this.#http.address() as AddressInfo;
    return { host: family === "IPv6" ? `[${address}]` : address, port };
  }

  /**
   * Says NOT_SERVING, takes no more calls, and returns when those in flight are done. It throws where they were cut off, since they
   * took longer than `drain`.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#log("info", "Draining");
    this.#health.shutdown();
    // Its own close lets go of all connections from Node 24 on, at once and not as they are here.
    NetServer.prototype.close.call(this.#http);
    const kindly = await this.#sessions.drain();
    this.#unwatch();
    if (!kindly) throw new Error("calls in flight were cut off: not done in time");
  }
}

/** Registers the handlers of the service's own, and returns what they serve. */
export function register(
  router: ConnectRouter,
  name: string,
  routes: (router: ConnectRouter) => void,
  probe: boolean,
): readonly DescService[] {
  routes(router);
  if (router.handlers.length === 0) {
    throw new UsageError(`service "${name}": routes registered nothing: there is nothing to serve`);
  }
  if (probe) router.service(ProbeService, new Probe());
  return [...new Set(router.handlers.map(({ service }) => service))];
}

/** Throws a {@link UsageError} where the policy names what a router has no handlers of. */
export function checkMethods({ lists: { allowed, asserting, methods } }: Checked, router: ConnectRouter): void {
  const problems = methods?.problems(new Set([...allowed, ...asserting]), methodsOf(router)) ?? [];
  if (problems.length > 0) throw new UsageError(problems.join("\n"));
}

/** Returns what a router has handlers of: methods by service. */
function methodsOf({ handlers }: ConnectRouter): ReadonlyMap<string, readonly string[]> {
  const methods = new Map<string, string[]>();
  for (const { service, method } of handlers)
    methods.set(service.typeName, [...(methods.get(service.typeName) ?? []), method.name]);
  return methods;
}

/** Returns the keys of the gateway, where it is to sign for whom it calls. */
function keysOf({ tokens, tls, now }: Checked, log: Log): Keys | undefined {
  if (tokens === undefined) return undefined;
  const roots = () => readRoots(tokens.ca ?? tls.ca);
  roots(); // is to be good now
  return new Keys({ source: tokens.keys, roots, log, now });
}

function tokensOf({ tokens, forwarders, now }: Checked, keys: Keys): Tokens | undefined {
  const { trustDomain = "", issuer = "" } = tokens ?? {};
  return new Tokens(new Verifier({ keys, trustDomain, issuer, now }), forwarders);
}

/**
 * Tells the log of handshakes that failed, at a bounded rate: under TLS 1.3 the client hears of it late, and often without the
 * reason.
 */
function refused(log: Log): (error: Error, socket: TLSSocket) => void {
  let tokens = 10;
  let last = Date.now();
  return (error, socket) => {
    // A port that is only probed says nothing.
    if ((error as NodeJS.ErrnoException).code === "ECONNRESET" && !socket.authorizationError) return;
    const now = Date.now();
    tokens = Math.min(10, tokens + (now - last) / 1000);
    last = now;
    if (tokens < 1) return;
    tokens--;
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    log("warn", "Handshake failed", { peer, error: String(socket.authorizationError ?? error.message) });
  };
}
