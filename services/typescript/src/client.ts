import { AsyncLocalStorage } from "node:async_hooks";
import { X509Certificate } from "node:crypto";
import { type ClientHttp2Stream, constants, type Http2Session } from "node:http2";
import { isIP } from "node:net";
import type { PeerCertificate } from "node:tls";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { type Log, logTo } from "./log.js";
import { wrongName } from "./mtls/host.js";
import { type Files, Identity } from "./mtls/identity.js";

/** Whom to call, and as whom. */
export interface ChannelConfig {
  /** Host and port, such as `orders.internal:8443`. */
  readonly target: string;
  /** The DNS name in the service's certificate; default: the host of the target. */
  readonly serverName?: string;
  /** The own certificate, and the authorities that issue the service's. */
  readonly tls: Files;
  /** Hears of certificates that are read again; default: stderr. */
  readonly log?: Log;
}

/** A connection to one service, made when it is needed, over mutual TLS 1.3. Certificates are read again when they change. */
export class Channel {
  readonly #transport: Transport;
  readonly #newSessions: () => Http2SessionManager;
  readonly #unwatch: () => void;
  /** Calls without an answer, by connection. */
  readonly #streams = new WeakMap<Http2Session, Set<ClientHttp2Stream>>();
  /** Connections that are let end, by who made them: for as long as their calls take. */
  readonly #former = new Set<Http2SessionManager>();
  #sessions: Http2SessionManager;

  /** It throws where a file is missing or wrong. Whether the service can be reached, the first call tells. */
  constructor({
    target,
    serverName,
    tls,
    log = logTo({ format: "text", write: (line) => process.stderr.write(line) }),
  }: ChannelConfig) {
    const identity = new Identity(tls, log);
    const baseUrl = `https://${target}`;
    const host = serverName ?? new URL(baseUrl).hostname.replace(/^\[|\]$/g, "");
    this.#newSessions = () =>
      new Http2SessionManager(
        baseUrl,
        { idleConnectionTimeoutMs: 5 * 60_000 },
        {
          ...identity.contextOptions(),
          ...(isIP(host) === 0 && { servername: host }),
          rejectUnauthorized: true, // whatever the environment says
          checkServerIdentity: (_: string, { raw }: PeerCertificate) => wrongName(host, new X509Certificate(raw)),
        },
      );
    this.#sessions = this.#newSessions();
    // Calls in flight end on their connection; the next ones are made as who we are now, to whom we believe now.
    identity.onChange(() => this.#connectAnew());
    this.#unwatch = identity.watch();
    this.#transport = createGrpcTransport({
      baseUrl,
      interceptors: [anew],
      sessionManager: {
        authority: new URL(baseUrl).origin,
        request: (...args) => this.#request(args),
        notifyResponseByteRead: (stream) => this.#sessions.notifyResponseByteRead(stream),
      },
    });
  }

  /** Sends the head of a call on a connection that takes calls. */
  async #request(args: Parameters<Http2SessionManager["request"]>): Promise<ClientHttp2Stream> {
    for (;;) {
      const manager = this.#sessions;
      const stream = await manager.request(...args);
      const { session } = stream;
      if (session === undefined || session.remoteSettings.maxConcurrentStreams !== 0) {
        if (session !== undefined) this.#follow(session, stream);
        return stream;
      }
      // The service lets the connection end: this call has not been sent, and would not be.
      stream.close(constants.NGHTTP2_CANCEL);
      if (manager === this.#sessions) this.#connectAnew();
    }
  }

  /** Leaves the connection to the calls on it, and makes another for the next one. */
  #connectAnew(): void {
    for (const manager of this.#former) if (manager.state() === "closed") this.#former.delete(manager);
    this.#former.add(this.#sessions);
    this.#sessions = this.#newSessions();
  }

  /** Notes whether a call is refused: not sent, or not taken in, since its connection ends. */
  #follow(session: Http2Session, stream: ClientHttp2Stream): void {
    let streams = this.#streams.get(session);
    if (streams === undefined) {
      const open = new Set<ClientHttp2Stream>();
      streams = open;
      this.#streams.set(session, open);
      session.on("error", () => {}); // its calls are told, and nobody else is there any more while the channel closes
      session.on("remoteSettings", ({ maxConcurrentStreams }) => {
        if (maxConcurrentStreams === 0) setImmediate(() => open.forEach(refuseUnsent));
      });
      session.on("goaway", (_, last) => {
        for (const one of open) if ((one.id ?? 0) > last) refused.add(one);
      });
    }
    const open = streams.add(stream);
    const attempt = attempts.getStore();
    if (attempt !== undefined) attempt.stream = stream;
    stream.once("response", () => open.delete(stream));
    stream.once("close", () => {
      if (open.delete(stream) && stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) refused.add(stream);
    });
  }

  /** Returns a client of one of the services at the other end. */
  client<S extends DescService>(service: S): Client<S> {
    return createClient(service, this.#transport);
  }

  /** Ends all calls, and the connection. */
  close(): void {
    this.#unwatch();
    for (const manager of [...this.#former, this.#sessions]) manager.abort();
  }
}

/** Calls that the service has not taken in. */
const refused = new WeakSet<ClientHttp2Stream>();

/** The attempt at a call that code runs for, and its stream once there is one. */
const attempts = new AsyncLocalStorage<{ stream?: ClientHttp2Stream }>();

/**
 * Makes a call again that the service has not taken in, since its connection was about to end: of no other is it known that nothing
 * has been done. What an error says does not count, since it may be of the service's making.
 */
const anew: Interceptor = (next) => async (request) => {
  for (let tries = 1; ; tries++) {
    const attempt: { stream?: ClientHttp2Stream } = {};
    try {
      return await attempts.run(attempt, () => next(request));
    } catch (error) {
      if (request.stream || tries === 3 || attempt.stream === undefined || !refused.has(attempt.stream)) throw error;
    }
  }
};

/** HTTP/2 knows no stream of a number that has not been sent. */
function refuseUnsent(stream: ClientHttp2Stream): void {
  if (stream.state.state !== constants.NGHTTP2_STREAM_STATE_IDLE) return;
  refused.add(stream);
  stream.destroy(new Error("the connection is about to end"));
}
