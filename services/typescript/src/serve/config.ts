import type { ConnectRouter } from "@connectrpc/connect";
import { type Methods, Rules } from "../caller/methods.js";
import type { Lists } from "../caller/policy.js";
import { type Forwarder, parseForwarder } from "../caller/tokens.js";
import type { Log } from "../log.js";
import type { Files } from "../mtls/identity.js";
import { parseNames } from "../mtls/san.js";

/** What a server is made of. All of it is required, except where a default is named. */
export interface ServerConfig {
  /** The service's name in the log and in messages, such as orders. */
  readonly name: string;
  /** Registers the service's handlers. */
  readonly routes: (router: ConnectRouter) => void;
  /** The address to listen on, such as `:8443`; port 0 takes any free one. */
  readonly listen: string;
  /** The server's own certificate and the authorities of its callers. */
  readonly tls: Files;
  /**
   * The callers that call for themselves, each `dns:<name>` or `uri:<id>`, compared exactly with the subject alternative names of
   * their certificates. Default: nobody.
   */
  readonly allowed?: readonly string[];
  /**
   * The callers that are believed when they say on whose behalf they call: the gateway. Written like `allowed`, which need not
   * repeat them. Default: nobody.
   */
  readonly asserting?: readonly string[];
  /** Where it is there, callers count only with a token of the gateway's, its `caller_tokens`. Health and reflection need none. */
  readonly tokens?: TokensConfig | undefined;
  /** Who may call which method, and for whom; default: whoever may call may call all. */
  readonly methods?: Methods | undefined;
  /** Takes one line a call, and what else there is to tell. */
  readonly log: Log;
  /** How long calls in flight may take to end once the server is told to stop, in milliseconds; default 30 seconds. */
  readonly drain?: number;
  /**
   * How long a connection lasts, give or take a tenth, in milliseconds; default 30 minutes. Then the caller is told to connect
   * anew, which makes both ends judge each other again, and calls in flight have `drain` to end.
   */
  readonly maxConnectionAge?: number;
  /** Whether intentgate.conformance.v1.ProbeService is served, for the conformance kit; default false. */
  readonly probe?: boolean;
  /** The clock that certificates are compared with; default: the machine's. */
  readonly now?: () => Date;
}

/** Whose signatures are believed. */
export interface TokensConfig {
  /** Where the gateway's public keys are: a file, or a URL with https://. They are read again as they change. */
  readonly keys: string;
  /** The file of the authorities by which that URL's server is judged; default: those of the callers. */
  readonly ca?: string;
  /** Whom tokens are for, as the gateway's configuration says. */
  readonly trustDomain: string;
  /** Who must have issued them; default: whoever has the keys. */
  readonly issuer?: string;
  /**
   * Who may pass a caller on, each with the gRPC service that the gateway calls it by:
   * `dns:orders.internal=shop.orders.v1.OrderService`. They need not be on the other lists.
   */
  readonly forwarders?: readonly string[];
}

/** A configuration with its defaults, and what it says of callers. */
export type Checked = Required<ServerConfig> & {
  readonly lists: Lists & { readonly methods?: Rules | undefined };
  readonly forwarders: readonly Forwarder[];
};

/** The longest time that a timer can wait, less the tenth by which ages differ: 22 days. */
const longest = 0.9 * 2 ** 31;

/** What is wrong with a configuration, or with a command line: all of it at once. */
export class UsageError extends Error {}

/** Returns the configuration with its defaults, and the rules about callers. It throws a {@link UsageError} that names every gap. */
export function checked(config: ServerConfig): Checked {
  const problems: string[] = [];
  const need = (there: unknown, problem: string) => {
    if (!there) problems.push(problem);
  };
  const attempt = <T>(read: () => T, what = ""): T | undefined => {
    try {
      return read();
    } catch (error) {
      problems.push(`${what}${(error as Error).message}`);
      return undefined;
    }
  };
  const names = (list: string, texts: readonly string[]) =>
    attempt(() => parseNames(texts), `bad entry in ${list}: `) ?? new Set<string>();
  const { allowed = [], asserting = [], tokens, methods, drain = 30_000, maxConnectionAge = 30 * 60_000, probe = false } = config;
  need(config.name, "name is missing: what is the service called?");
  need(config.tls.cert, "tls.cert is missing: want the file of the service's certificate (--cert)");
  need(config.tls.key, "tls.key is missing: want the file of that certificate's private key (--key)");
  need(config.tls.ca, "tls.ca is missing: want the file of the authorities that issue the callers' certificates (--ca)");
  need(drain >= 0, "drain is negative");
  need(maxConnectionAge > 0, "maxConnectionAge is not positive");
  need(
    allowed.length + asserting.length + (tokens?.forwarders?.length ?? 0),
    "allowed and asserting are both empty: nobody could call; name the gateway's certificate in asserting (--assert), such as dns:gateway.internal",
  );
  attempt(() => addressOf(config.listen));
  if (tokens !== undefined) {
    need(tokens.keys, "tokens.keys is missing: want the file or the URL of the gateway's public keys (--jwks)");
    need(
      tokens.trustDomain,
      "tokens.trustDomain is missing: want that of the gateway's caller_tokens, such as shop.internal (--trust-domain)",
    );
  }
  const forwarders = (tokens?.forwarders ?? []).flatMap((text) => attempt(() => parseForwarder(text)) ?? []);
  const rules = methods && attempt(() => new Rules(methods), "policy: ");
  const lists = { allowed: names("allowed", allowed), asserting: names("asserting", asserting), methods: rules };
  if (problems.length > 0) throw new UsageError(problems.join("\n"));
  return {
    now: () => new Date(),
    ...config,
    allowed,
    asserting,
    tokens,
    methods,
    drain: Math.min(drain, longest),
    maxConnectionAge: Math.min(maxConnectionAge, longest),
    probe,
    lists,
    forwarders,
  };
}

/** Reads host and port of an address such as `:8443`, `127.0.0.1:0` or `[::1]:8443`. No host is every one. */
export function addressOf(listen: string): { host?: string; port: number } {
  const [, v6, host, port] = /^(?:\[([0-9a-f:.]+)\]|([^:]*)):(\d{1,5})$/i.exec(listen) ?? [];
  if (port === undefined || Number(port) > 65535) {
    throw new UsageError(`listen is ${JSON.stringify(listen)}: want an address such as :8443 (--listen)`);
  }
  const name = v6 ?? host;
  return name ? { host: name, port: Number(port) } : { port: Number(port) };
}
