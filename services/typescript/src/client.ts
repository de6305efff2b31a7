import type { X509Certificate } from "node:crypto";
import { X509Certificate as Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { PeerCertificate } from "node:tls";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { type Log, logTo } from "./log.js";
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
  readonly #unwatch: () => void;
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
    const sessions = () =>
      new Http2SessionManager(
        baseUrl,
        { idleConnectionTimeoutMs: 5 * 60_000 },
        {
          ...identity.contextOptions(),
          ...(isIP(host) === 0 && { servername: host }),
          checkServerIdentity: (_: string, { raw }: PeerCertificate) => wrongName(host, new Certificate(raw)),
        },
      );
    this.#sessions = sessions();
    identity.onChange(() => {
      // Calls in flight end on their connection; the next ones are made as who we are now, to whom we believe now.
      this.#sessions = sessions();
    });
    this.#unwatch = identity.watch();
    this.#transport = createGrpcTransport({
      baseUrl,
      sessionManager: {
        authority: new URL(baseUrl).origin,
        request: (...args) => this.#sessions.request(...args),
        notifyResponseByteRead: (stream) => this.#sessions.notifyResponseByteRead(stream),
      },
    });
  }

  /** Returns a client of one of the services at the other end. */
  client<S extends DescService>(service: S): Client<S> {
    return createClient(service, this.#transport);
  }

  /** Ends the connection, and the calls on it. */
  close(): void {
    this.#unwatch();
    this.#sessions.abort();
  }
}

/** The common name is never looked at. */
function wrongName(host: string, certificate: X509Certificate): Error | undefined {
  const matched = isIP(host) === 0 ? certificate.checkHost(host, { subject: "never" }) : certificate.checkIP(host);
  if (matched !== undefined) return undefined;
  return new Error(`the service's certificate is for ${certificate.subjectAltName ?? "nobody"}, not for ${host}`);
}
