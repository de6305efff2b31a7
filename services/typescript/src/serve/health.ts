import { EventEmitter, on } from "node:events";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { type Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.js";

/** Tells whether the server serves: yes, until it stops. The service named "" is the server as a whole. */
export class HealthService implements Partial<ServiceImpl<typeof Health>> {
  readonly #names: ReadonlySet<string>;
  readonly #events = new EventEmitter().setMaxListeners(0);
  #status = Status.SERVING;

  constructor(services: Iterable<string>) {
    this.#names = new Set(["", ...services]);
  }

  /** From now on everything is NOT_SERVING, and whoever watches is told and let go. */
  shutdown(): void {
    this.#status = Status.NOT_SERVING;
    this.#events.emit("shutdown");
  }

  check({ service }: { service: string }) {
    if (!this.#names.has(service)) throw new ConnectError("unknown service", Code.NotFound);
    return { status: this.#status };
  }

  list() {
    return { statuses: Object.fromEntries([...this.#names].map((name) => [name, { status: this.#status }])) };
  }

  async *watch({ service }: { service: string }, { signal }: { signal: AbortSignal }) {
    const status = () => ({ status: this.#names.has(service) ? this.#status : Status.SERVICE_UNKNOWN });
    const shutdown = on(this.#events, "shutdown", { signal });
    yield status();
    if (this.#status === Status.NOT_SERVING) return;
    await shutdown.next();
    yield status();
  }
}
