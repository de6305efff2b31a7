import { parseArgs } from "node:util";
import { type Methods, maxMethods, parseMethods } from "../caller/methods.js";
import { readBytes } from "../mtls/file.js";
import { type TokensConfig, UsageError } from "./config.js";

/** A flag of a service's own, such as that of its store. */
export interface Flag {
  /** What its value is called in the help, such as FILE. */
  readonly value: string;
  readonly help: string;
  /** The value where none is given; without it the flag is required. */
  readonly default?: string;
}

const help = (name: string, own: string) => `\
${name} answers intents over gRPC and mutual TLS. It talks to the callers that it is told of, and to nobody else.

Usage:
  ${name} --cert FILE --key FILE --ca FILE --assert NAME [--allow NAME]... [flags]
  ${name} --descriptors FILE

Example:
  ${name} --cert ${name}.pem --key ${name}.key --ca internal-ca.pem --assert dns:gateway.internal

  Now whoever shows a certificate of internal-ca.pem for gateway.internal may call, and is believed when it says which
  Dialogflow agent it calls for. Everybody else is refused, health checks included.

Flags:
  --listen ADDRESS      where to listen; port 0 takes any free one, and the log says which (default :8443)
  --cert FILE           the service's certificate, its intermediates after it
  --key FILE            the certificate's private key
  --ca FILE             the authorities that issue the callers' certificates
  --assert NAME         a caller that may say for whom it calls: the gateway; may be given more than once
  --allow NAME          a caller that calls for itself: another program of yours; may be given more than once
  --jwks SOURCE         ask for the gateway's signature with each caller, and verify it by the keys of this file or https URL,
                        which the gateway's caller_tokens make; --trust-domain says whom they are for
  --jwks-ca FILE        the authorities by which that URL's server is judged (default those of --ca)
  --trust-domain NAME   the trust_domain of the gateway's caller_tokens
  --issuer NAME         their issuer (default any)
  --forward NAME=SERVICE
                        a service that may pass on callers, and the gRPC service that the gateway calls it by, such as
                        dns:orders.internal=shop.orders.v1.OrderService; may be given more than once
  --policy FILE         which methods may be called by whom, and for whom; what it does not name nobody may call
  --log-format FORMAT   text or json (default text)
  --descriptors FILE    write the descriptors of the service's methods there, and exit: with them the gateway knows the
                        service's intents (intents.descriptor_set in intentgate.yaml)
  --probe               serve what \`intentgate conformance\` asks for, too; not in production
${own}
A NAME is dns:<name> or uri:<id>, exactly as it stands among the subject alternative names of the caller's certificate.
Files are PEM, and are read again when they change.
`;

const options = {
  listen: { type: "string" },
  cert: { type: "string" },
  key: { type: "string" },
  ca: { type: "string" },
  assert: { type: "string", multiple: true },
  allow: { type: "string", multiple: true },
  jwks: { type: "string" },
  "jwks-ca": { type: "string" },
  "trust-domain": { type: "string" },
  issuer: { type: "string" },
  forward: { type: "string", multiple: true },
  policy: { type: "string" },
  "log-format": { type: "string" },
  descriptors: { type: "string" },
  probe: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

/** What a command line says. */
export interface CommandLine {
  readonly help?: string;
  readonly descriptors?: string;
  readonly listen: string;
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly assert: readonly string[];
  readonly allow: readonly string[];
  /** What it says of tokens, perhaps nothing. */
  readonly tokens: Partial<TokensConfig>;
  readonly methods?: Methods;
  readonly logFormat: "text" | "json";
  readonly probe: boolean;
  /** The service's own flags by name. */
  readonly own: Readonly<Record<string, string>>;
}

/** Reads a command line. It throws a {@link UsageError}. */
export function parseFlags(name: string, args: readonly string[], flags: Readonly<Record<string, Flag>>): CommandLine {
  const known = { ...Object.fromEntries(Object.keys(flags).map((flag) => [flag, { type: "string" } as const])), ...options };
  const { values } = usage(() => parseArgs({ args: [...args], options: known, allowPositionals: false }));
  const own: Record<string, string> = {};
  for (const [flag, { default: otherwise }] of Object.entries(flags)) {
    const value = (values as Record<string, unknown>)[flag] ?? otherwise;
    if (typeof value === "string") own[flag] = value;
    else if (values.help === undefined && values.descriptors === undefined) {
      throw new UsageError(`--${flag} is missing: want ${flags[flag]?.help}`);
    }
  }
  const logFormat = values["log-format"] ?? "text";
  if (logFormat !== "text" && logFormat !== "json") throw new UsageError(`--log-format is "${logFormat}": want text or json`);
  const { jwks, "jwks-ca": ca, "trust-domain": trustDomain, issuer, forward, policy } = values;
  return {
    ...(values.help && { help: help(name, describe(flags)) }),
    ...(values.descriptors !== undefined && { descriptors: values.descriptors }),
    listen: values.listen ?? ":8443",
    cert: values.cert ?? "",
    key: values.key ?? "",
    ca: values.ca ?? "",
    assert: values.assert ?? [],
    allow: values.allow ?? [],
    tokens: {
      ...(jwks !== undefined && { keys: jwks }),
      ...(ca !== undefined && { ca }),
      ...(trustDomain !== undefined && { trustDomain }),
      ...(issuer !== undefined && { issuer }),
      ...(forward !== undefined && { forwarders: forward }),
    },
    ...(policy !== undefined && { methods: usage(() => parseMethods(readBytes(policy, maxMethods))) }),
    logFormat,
    probe: values.probe ?? false,
    own,
  };
}

function usage<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function describe(flags: Readonly<Record<string, Flag>>): string {
  return Object.entries(flags)
    .map(([name, { value, help: text, default: otherwise }]) => {
      const suffix = otherwise === undefined ? "" : ` (default ${otherwise})`;
      return `  ${`--${name} ${value}`.padEnd(21)} ${text}${suffix}\n`;
    })
    .join("");
}
