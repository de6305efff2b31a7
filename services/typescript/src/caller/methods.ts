import { Caller_Proof, type Caller_Value } from "../../gen/intentgate/v1/caller_pb.js";
import { isListed, parseName } from "../mtls/san.js";
import { membersOf, parseJson } from "../token/json.js";
import type { Call } from "./call.js";
import { denied, list, quoted } from "./refusal.js";

/** How a part of a caller is known. */
export type Proof = "STATED" | "CERTIFICATE" | "ID_TOKEN" | "SECRET";

/** In which ways parts of a caller have to be known, one of which is enough. A part that is left out is not asked for. */
export interface Proofs {
  /** Of its ID or its number. */
  readonly project?: readonly Proof[];
  readonly location?: readonly Proof[];
  readonly agent?: readonly Proof[];
  readonly environment?: readonly Proof[];
}

/** Who may call a method. */
export interface Method {
  /** The peers that may call for themselves, as they stand in `allowed` or `asserting`. */
  readonly callers?: readonly string[];
  /** Which callers the method may be called for: `{}` is any; without it none. */
  readonly asserted?: Proofs;
}

/**
 * Who may call what, by a method's full name, such as `shop.orders.v1.OrderService/CancelOrder`, or by
 * `shop.orders.v1.OrderService/*` for all of a service that are not named themselves. What is not there nobody may call.
 */
export type Methods = Readonly<Record<string, Method>>;

/** How large a file of {@link parseMethods} may be, in bytes. */
export const maxMethods = 1 << 20;

/** Reads `{"methods": {…}}` as it stands in a file. Members that are not known, or come twice, are refused. */
export function parseMethods(document: Uint8Array): Methods {
  if (document.length > maxMethods) throw new Error(`policy: ${document.length} bytes; want at most ${maxMethods}`);
  try {
    const file = parseJson(document);
    if (hasNull(file)) throw new Error("a member is null, which says neither none nor any; leave it out");
    const { methods } = fieldsOf(file, "the file", ["methods"]);
    new Rules(methods); // without any nobody could call anything: that is to be written as {"methods": {}}
    return methods as Methods;
  } catch (error) {
    const such = 'want such as {"methods": {"shop.orders.v1.OrderService/*": {"asserted": {}}}}';
    throw new Error(`policy: ${(error as Error).message}; ${such}`);
  }
}

/** Tells whether there is a null anywhere in a value. */
function hasNull(value: unknown): boolean {
  return value === null || (typeof value === "object" && Object.values(value).some(hasNull));
}

const proofs: ReadonlyMap<string, Caller_Proof> = new Map(
  (["STATED", "CERTIFICATE", "ID_TOKEN", "SECRET"] satisfies Proof[]).map((name) => [name, Caller_Proof[name]]),
);

type Part = keyof Proofs;

/** The values of a part, one of which has to be known. */
const parts: Readonly<Record<Part, (call: Call) => readonly (Caller_Value | undefined)[]>> = {
  project: ({ caller }) => [caller?.projectId, caller?.projectNumber],
  location: ({ caller }) => [caller?.location],
  agent: ({ caller }) => [caller?.agent],
  environment: ({ caller }) => [caller?.environment],
};

interface Rule {
  readonly callers: readonly string[];
  readonly asserted?: readonly { readonly part: Part; readonly proofs: readonly string[] }[];
}

/** {@link Methods} as calls are judged by them. */
export class Rules {
  readonly #rules: ReadonlyMap<string, Rule>;

  /** It throws for what has not that shape: what a rule says and nobody understands must not go for a rule that says nothing. */
  constructor(methods: unknown) {
    this.#rules = new Map([...objectOf(methods, "methods")].map(([name, rule]) => [name, ruleOf(rule, name)]));
  }

  /**
   * Returns all that is wrong: names that are no peer's of the lists, ways of proof that are none, and methods that are not among
   * the registered ones, whose names are given by service.
   */
  problems(peers: ReadonlySet<string>, registered: ReadonlyMap<string, readonly string[]>): readonly string[] {
    const problems: string[] = [];
    for (const [name, { callers, asserted = [] }] of this.#rules) {
      const complain = (problem: string) => problems.push(`policy: ${JSON.stringify(name)}: ${problem}`);
      const [service, method] = split(name);
      const methods = registered.get(service);
      if (methods === undefined) complain(`no such service is registered; there are ${list([...registered.keys()].sort())}`);
      else if (method !== "*" && !methods.includes(method)) {
        complain(`${service} has no such method; want * or one of ${list([...methods].sort())}`);
      }
      for (const caller of callers) {
        try {
          if (!peers.has(parseName(caller))) complain(`${JSON.stringify(caller)} may not call at all; name it in --allow, too`);
        } catch (error) {
          complain((error as Error).message);
        }
      }
      for (const { part, proofs: ways } of asserted) {
        const want = `want one of ${[...proofs.keys()].join(", ")}`;
        if (ways.length === 0) complain(`${part} lists nothing; ${want}, or no such member`);
        for (const way of ways) if (!proofs.has(way)) complain(`${part}: ${JSON.stringify(way)}; ${want}`);
      }
    }
    return problems;
  }

  /** Throws a Refusal for a call, accepted otherwise, of a method such as `shop.orders.v1.OrderService/TrackOrder`. */
  judge(name: string, call: Call): void {
    const rule = this.#rules.get(name) ?? this.#rules.get(`${split(name)[0]}/*`);
    if (rule === undefined) throw denied("METHOD_NOT_LISTED", quoted(name), "one that the policy names");
    const { callers, asserted } = rule;
    if (call.direct) {
      if (isListed(new Set(callers), call.peer.names)) return;
      throw denied("CALLER_NOT_LISTED", `${list(call.peer.names)}, for itself`, `one of ${list(callers)}`);
    }
    if (asserted === undefined) {
      throw denied("CALLER_NOT_LISTED", "a call for an agent", `one of ${list(callers)}, for itself`);
    }
    for (const { part, proofs: ways } of asserted) {
      const values = parts[part](call).filter((value) => value !== undefined);
      if (values.some(({ proof }) => ways.some((way) => proofs.get(way) === proof))) continue;
      const saw = values.map(({ value, proof }) => `${quoted(value)} by ${Caller_Proof[proof] ?? proof}`);
      throw denied("PROOF_MISSING", `a ${part} of ${saw.join(", ") || "no value"}`, `one by one of ${list(ways)}`);
    }
  }
}

/** The service and the method of a full name. */
function split(name: string): readonly [service: string, method: string] {
  const at = name.indexOf("/");
  return at < 0 ? [name, ""] : [name.slice(0, at), name.slice(at + 1)];
}

function ruleOf(value: unknown, name: string): Rule {
  const what = JSON.stringify(name);
  const { callers, asserted } = value === undefined ? {} : fieldsOf(value, what, ["callers", "asserted"]);
  // Sets of names are compared in lower case; what is no name is found by problems.
  const names = textsOf(callers ?? [], `callers of ${what}`).map((text) => text.replace(/^dns:.*/s, (dns) => dns.toLowerCase()));
  if (asserted === undefined) return { callers: names };
  const wanted = Object.entries(fieldsOf(asserted, `asserted of ${what}`, Object.keys(parts))).flatMap(([part, ways]) =>
    ways === undefined ? [] : [{ part: part as Part, proofs: textsOf(ways, `${part} of ${what}`) }],
  );
  return { callers: names, asserted: wanted };
}

function objectOf(value: unknown, what: string): ReadonlyMap<string, unknown> {
  const members = membersOf(value);
  if (members === undefined) throw new Error(`${what}: want an object`);
  return members;
}

function fieldsOf(value: unknown, what: string, known: readonly string[]): Record<string, unknown> {
  const members = objectOf(value, what);
  for (const name of members.keys()) {
    if (!known.includes(name)) throw new Error(`${what}: unknown member ${JSON.stringify(name)}; want ${known.join(", ")}`);
  }
  return Object.fromEntries(members);
}

function textsOf(value: unknown, what: string): readonly string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value;
  throw new Error(`${what}: want a list of texts`);
}
