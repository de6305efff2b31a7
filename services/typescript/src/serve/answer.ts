import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { constants } from "node:http2";
import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, encodeBinaryHeader } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { StatusSchema } from "../../gen/google/rpc/status_pb.js";
import { type Peer, valuesWith } from "../caller/call.js";
import { receive } from "../caller/forward.js";
import { reserved } from "../caller/metadata.js";
import type { Policy } from "../caller/policy.js";
import { Refusal } from "../caller/refusal.js";
import type { Log } from "../log.js";
import { type Line, writeLine } from "./line.js";

/** In milliseconds. */
const longestTimer = 2 ** 31 - 1;

/** Answers the calls of all connections. */
export class Answering {
  readonly #handlers: ReadonlyMap<string, UniversalHandler>;

  constructor(
    handlers: Iterable<UniversalHandler>,
    private readonly policy: Policy,
    private readonly log: Log,
  ) {
    this.#handlers = new Map([...handlers].map((handler) => [handler.requestPath, handler]));
  }

  /** Answers a call, and leaves its line in the log. `fields` are the header fields as they came. */
  async answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, fields: readonly string[], peer: Peer): Promise<void> {
    const start = performance.now();
    const line: Line = { method: String(headers[":path"] ?? ""), peer: peer.names, code: 0, message: "" };
    try {
      // Nobody's handler runs, those of health and reflection included, for somebody who is not on the lists. What is not there is
      // not told to strangers either.
      line.call = await this.policy.judge(peer, reserved(fields), line.method);
      receive(line.call, fields);
      const handler = this.#handlers.get(line.method);
      if (stream.destroyed) {
        line.code = Code.Canceled; // while the keys of tokens were read
        line.message = "the call was cancelled";
      } else if (!isCall(headers)) refuse(stream, line, new ConnectError("not a gRPC call", Code.Unimplemented));
      else if (handler === undefined) {
        refuse(stream, line, new ConnectError(`unknown method ${line.method}`, Code.Unimplemented));
      } else await handle(stream, headers, line, handler);
    } catch (error) {
      if (error instanceof Refusal) {
        line.refusal = error;
        refuse(stream, line, error.status);
      } else {
        line.code = Code.Internal;
        line.message = (error as Error).message;
        if (!stream.destroyed) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      }
    }
    writeLine(this.log, line, performance.now() - start);
  }
}

function isCall(headers: IncomingHttpHeaders): boolean {
  return headers[":method"] === "POST" && /^application\/grpc(\+proto)?$/.test(headers["content-type"] ?? "");
}

/** Runs a handler, and writes what it answers. */
async function handle(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, line: Line, handler: UniversalHandler) {
  const cancelled = new AbortController();
  const cancel = () => cancelled.abort(new ConnectError("the call was cancelled", Code.Canceled));
  stream.once("close", cancel);
  const response = await handler({
    httpVersion: "2.0",
    method: "POST",
    url: `https://service${line.method}`,
    header: headerOf(headers),
    body: stream.iterator({ destroyOnReturn: false }),
    signal: cancelled.signal,
    ...(line.call && { contextValues: valuesWith(line.call) }),
  });
  await write(stream, response);
  stream.off("close", cancel);
  line.code = Number(response.trailer?.get("grpc-status") ?? Code.Unknown);
  line.message = decodeURIComponent(response.trailer?.get("grpc-message") ?? "");
  if (line.code === Code.Internal && cancelled.signal.aborted) {
    line.code = Code.Canceled; // a request that broke off, as seen from where it was read
    line.message = "the call was cancelled";
  }
}

/** Node joins what came more than once, and leaves out nothing that handlers could want. */
function headerOf(headers: IncomingHttpHeaders): Headers {
  const header = new Headers();
  for (const [key, value] of Object.entries(headers)) {
    if (!key.startsWith(":") && value !== undefined) header.set(key, String(value));
  }
  // A timer that cannot wait for that long ends at once: such a deadline is none.
  const [, digits, unit = ""] = /^(\d+)([HMS])$/.exec(header.get("grpc-timeout") ?? "") ?? [];
  if (Number(digits) * ({ H: 3600, M: 60, S: 1 }[unit] ?? 0) * 1000 > longestTimer) header.delete("grpc-timeout");
  return header;
}

async function write(stream: ServerHttp2Stream, response: UniversalServerResponse): Promise<void> {
  const head = { ":status": response.status, ...fieldsOf(response.header) };
  const body = response.body?.[Symbol.asyncIterator]();
  let chunk = await body?.next();
  if (stream.destroyed) {
    await body?.return?.(); // nobody listens any more
    return;
  }
  if (chunk === undefined || chunk.done) {
    finish(stream, { ...head, ...fieldsOf(response.trailer) });
    return;
  }
  stream.respond(head, { waitForTrailers: true });
  stream.once("wantTrailers", () => {
    if (!stream.destroyed) stream.sendTrailers(fieldsOf(response.trailer));
  });
  while (body !== undefined && chunk !== undefined && !chunk.done) {
    if (stream.destroyed) {
      await body.return?.();
      return;
    }
    if (!stream.write(chunk.value)) await drained(stream);
    chunk = await body.next();
  }
  stream.end();
  stream.resume();
}

function drained(stream: ServerHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off("drain", done).off("close", done);
      resolve();
    };
    stream.once("drain", done).once("close", done);
  });
}

/** Answers with a status and nothing else. */
function refuse(stream: ServerHttp2Stream, line: Line, { code, rawMessage: message, details }: ConnectError): void {
  line.code = code;
  line.message = message;
  const packed = details.flatMap((detail) => ("desc" in detail ? anyPack(detail.desc, create(detail.desc, detail.value)) : []));
  const status = create(StatusSchema, { code, message, details: packed });
  finish(stream, {
    ":status": 200,
    "content-type": "application/grpc",
    "grpc-status": String(code),
    "grpc-message": encodeURIComponent(message.toWellFormed()),
    ...(packed.length > 0 && { "grpc-status-details-bin": encodeBinaryHeader(status, StatusSchema) }),
  });
}

function finish(stream: ServerHttp2Stream, headers: OutgoingHttpHeaders): void {
  if (stream.destroyed) return;
  stream.respond(headers, { endStream: true });
  // What the caller still sends is for nobody; and a stream is not over before it is read. Node 22 closes it without an answer that
  // has not left yet.
  stream.resume();
  setImmediate(() => {
    if (!stream.destroyed) stream.close(constants.NGHTTP2_NO_ERROR);
  });
}

function fieldsOf(headers: Headers | undefined): OutgoingHttpHeaders {
  return Object.fromEntries(headers ?? []);
}
