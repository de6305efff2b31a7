/**
 * What an intent service needs around its handlers: a gRPC server that speaks mutual TLS and nothing else, answers only the
 * callers it was told of, reloads its certificates, ends connections whose trust has ended or that are of age, and stops without
 * cutting off a call.
 *
 * @module
 */
export { Code, ConnectError, type ConnectRouter, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
export { type Call, callOf, type Peer, valuesWith } from "./caller/call.js";
export { forward } from "./caller/forward.js";
export { type Method, type Methods, type Proof, type Proofs, parseMethods } from "./caller/methods.js";
export { outgoing, type RequestKey, requestId } from "./caller/outgoing.js";
export { Channel, type ChannelConfig } from "./client.js";
export { Duration, type Fields, type Level, type Log, type LogOptions, logTo } from "./log.js";
export type { Files } from "./mtls/identity.js";
export { type AnswerStore, MemoryStore, Once } from "./once.js";
export { type Detail, type Named, type RefusalDetails, refuse } from "./refuse.js";
export { type ServerConfig, type TokensConfig, UsageError } from "./serve/config.js";
export { descriptorSet } from "./serve/descriptors.js";
export type { Flag } from "./serve/flags.js";
export { type Closable, main, run, type Service, type Surroundings } from "./serve/main.js";
export { Server } from "./serve/server.js";
