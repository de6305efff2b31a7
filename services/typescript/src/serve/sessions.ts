import type { X509Certificate } from "node:crypto";
import { constants, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { TLSSocket } from "node:tls";
import type { Peer } from "../caller/call.js";
import type { Log } from "../log.js";
import { chainOf, isTrusted } from "../mtls/chain.js";
import { namesOf } from "../mtls/san.js";

/** Bytes that all calls of a connection may send ahead: by default a few packets, each batch of which waits for an answer. */
const window = 1 << 20;

/** How long a peer gets to hear that it is to make no more calls on a connection, in milliseconds. Most say sooner that they have. */
const roundTrip = 1000;

interface Live {
  readonly peer: Peer;
  readonly socket: TLSSocket;
  readonly chain: readonly X509Certificate[];
  /** How many are in flight. */
  calls: number;
  closing: boolean;
}

/** The connections that clients made and have not closed. */
export class Sessions {
  readonly #live = new Map<ServerHttp2Session, Live>();
  #draining = false;

  constructor(
    private readonly limits: { readonly maxConnectionAge: number; readonly drain: number },
    /** The authorities that are accepted now. */
    private readonly roots: () => readonly X509Certificate[],
    private readonly log: Log,
    private readonly now: () => Date,
  ) {}

  /** Takes in a connection. */
  add(session: ServerHttp2Session, socket: TLSSocket): void {
    session.on("error", () => {}); // the connection is gone, one way or the other: its calls are told
    const certificate = socket.getPeerX509Certificate();
    // What the handshake does not let happen, but for an authority that was withdrawn meanwhile.
    const chain = chainOf(socket);
    const verified = socket.authorized && !socket.isSessionReused() && isTrusted(chain, this.roots(), this.now());
    if (this.#draining || certificate === undefined || !verified) {
      cut(session, socket);
      return;
    }
    session.setLocalWindowSize(window);
    this.#live.set(session, { peer: { certificate, names: namesOf(certificate) }, socket, chain, calls: 0, closing: false });
    // Give or take a tenth, so that connections of one moment do not end in one.
    const age = setTimeout(() => this.#close(session), this.limits.maxConnectionAge * (0.9 + 0.2 * Math.random())).unref();
    session.once("close", () => {
      clearTimeout(age);
      this.#live.delete(session);
    });
  }

  /** Takes in a call, and returns who is at the other end of its connection. */
  begin(stream: ServerHttp2Stream): Peer | undefined {
    const live = this.#live.get(stream.session as ServerHttp2Session);
    if (live === undefined) return undefined;
    live.calls++;
    stream.once("close", () => live.calls--);
    return live.peer;
  }

  /** Ends the connections of clients whose certificates are no longer good, with the calls that they carry. */
  endUntrusted(): void {
    for (const [session, { peer, chain, socket }] of this.#live) {
      if (isTrusted(chain, this.roots(), this.now())) continue;
      const address = `${socket.remoteAddress}:${socket.remotePort}`;
      cut(session, socket);
      this.log("warn", "Connection ended, its certificate is no longer good", { peer: address, names: peer.names });
    }
  }

  /** Takes no more calls on any connection, and returns when those in flight have ended: false where they were cut off. */
  async drain(): Promise<boolean> {
    this.#draining = true;
    let kindly = true;
    const ended = [...this.#live].map(([session]) => {
      this.#close(session, () => {
        kindly = false;
      });
      return new Promise<void>((resolve) => session.once("close", resolve));
    });
    await Promise.all(ended);
    return kindly;
  }

  /**
   * Allows no more calls on a connection, lets it end once the peer has heard of that and its calls are over, and cuts them off
   * where they take too long. If it only ended, calls that were sent before the peer knew would fail.
   */
  #close(session: ServerHttp2Session, cutOff: () => void = () => {}): void {
    const live = this.#live.get(session);
    if (live === undefined) return;
    const limit = setTimeout(() => {
      if (live.calls > 0) cutOff();
      cut(session, live.socket);
    }, this.limits.drain);
    session.once("close", () => clearTimeout(limit));
    if (live.closing || session.destroyed) return;
    live.closing = true;
    const close = () => {
      clearTimeout(late);
      if (!session.destroyed) session.close();
    };
    const late = setTimeout(close, roundTrip);
    session.once("close", () => clearTimeout(late));
    // A GOAWAY would do as well, had Node's HTTP/2 not the habit of reading nothing after it while no call is in flight.
    session.settings({ maxConcurrentStreams: 0 }, close);
  }
}

/** Ends a connection at once. A session alone would wait for its peer to close the connection. */
function cut(session: ServerHttp2Session, socket: TLSSocket): void {
  session.destroy(undefined, constants.NGHTTP2_CANCEL);
  socket.destroy();
}
