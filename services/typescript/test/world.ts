import { EventEmitter, once } from "node:events";
import type { TestContext } from "node:test";
import { Channel, type ConnectRouter, type Fields, type Files, type Level, Server, type ServerConfig } from "@intentgate/service";
import { IntentService } from "@intentgate/service/gen/intentgate/v1/intent_service_pb.js";
import { Authority, temporary } from "./pki.js";

/** One line of a log. */
export interface Entry {
  readonly level: Level;
  readonly message: string;
  readonly fields: Fields;
}

/** A log that can be waited for. */
export class Journal {
  readonly entries: Entry[] = [];
  readonly #events = new EventEmitter();

  readonly log = (level: Level, message: string, fields: Fields = {}): void => {
    this.entries.push({ level, message, fields });
    this.#events.emit("entry");
  };

  /** Returns the first entry of a message that nobody has taken yet, when it is there. */
  async next(message: string): Promise<Entry> {
    for (;;) {
      const at = this.entries.findIndex((entry) => entry.message === message);
      if (at >= 0) return this.entries.splice(at, 1)[0] as Entry;
      await once(this.#events, "entry");
    }
  }
}

/** A server called service.internal that the peer gateway.internal may assert at, and office.internal may call. */
export interface World {
  readonly authority: Authority;
  readonly folder: string;
  readonly journal: Journal;
  readonly server: Server;
  readonly target: string;
  readonly files: Files;
  /** Returns a channel to the server, as the peer of a name. */
  channel(name: string): Channel;
}

/** Answers nothing. */
export const nothing = (router: ConnectRouter): void => {
  router.service(IntentService, { fulfill: () => ({}) });
};

/** Starts a server that runs until the test is over. */
export async function start(t: TestContext, config: Partial<ServerConfig> = {}): Promise<World> {
  const folder = temporary(t);
  const authority = new Authority(t);
  const files = authority.files(`${folder}/service`, "dns:service.internal");
  const journal = new Journal();
  const server = await Server.open({
    name: "test",
    routes: nothing,
    listen: "127.0.0.1:0",
    tls: files,
    asserting: ["dns:gateway.internal"],
    allowed: ["dns:office.internal"],
    log: journal.log,
    drain: 5000,
    ...config,
  });
  t.after(() => server.stop().catch(() => {}));
  const target = `127.0.0.1:${server.address.port}`;
  const peers = new Map<string, Files>();
  return {
    authority,
    folder,
    journal,
    server,
    target,
    files,
    channel(name) {
      const tls = peers.get(name) ?? authority.files(`${folder}/peer${peers.size}`, name);
      peers.set(name, tls);
      const channel = new Channel({ target, serverName: "service.internal", tls, log: () => {} });
      t.after(() => channel.close());
      return channel;
    },
  };
}
