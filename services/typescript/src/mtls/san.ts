import type { X509Certificate } from "node:crypto";

/** How OpenSSL calls the kinds of names, in the order in which they are listed here. */
const kinds = new Map([
  ["DNS", "dns"],
  ["URI", "uri"],
  ["email", "email"],
  ["IP Address", "ip"],
]);

/** Returns a certificate's names as `dns:…`, `uri:…`, `email:…`, `ip:…`, by kind and in the certificate's order. */
export function namesOf(certificate: X509Certificate): readonly string[] {
  const names = [...altNames(certificate.subjectAltName ?? "")];
  return [...kinds].flatMap(([openssl, kind]) =>
    names.filter(([seen]) => seen === openssl).map(([, value]) => `${kind}:${value}`),
  );
}

/** Yields kind and value of each alternative name. Node writes a value that could be taken for more than one as a JSON string. */
export function* altNames(text: string): Generator<[kind: string, value: string]> {
  const entry = /([^:,]+):(?:("(?:[^"\\]|\\.)*")|([^"]*?))(?:, |$)/gy;
  for (let at = 0; at < text.length; at = entry.lastIndex) {
    entry.lastIndex = at;
    const match = entry.exec(text);
    if (match === null) return; // nobody is called what cannot be read
    const [, kind = "", quoted, value = ""] = match;
    yield [kind, quoted === undefined ? value : unquote(quoted)];
  }
}

function unquote(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text; // with its quotes, and so nobody's name
  }
}

/**
 * Returns the name of a caller as it is compared: `dns:<name>` in lower case, or `uri:<id>`. It throws for anything else. There
 * are no wildcards: a name is one peer's.
 */
export function parseName(text: string): string {
  const [, kind, value = ""] = /^(dns|uri):(.*)$/s.exec(text) ?? [];
  if (kind === undefined) throw new Error(`name ${JSON.stringify(text)}: unknown kind; write dns:<name> or uri:<id>`);
  if (value === "") throw new Error(`name ${JSON.stringify(text)}: nothing follows ${kind}:; write what the certificate says`);
  if (kind === "uri") {
    if (!/^[a-z][a-z0-9+.-]*:[!-~]+$/i.test(value)) {
      throw new Error(`name ${JSON.stringify(text)}: no URI; write for example uri:spiffe://example.org/gateway`);
    }
    return text;
  }
  if (value.includes("*")) throw new Error(`name ${JSON.stringify(text)}: wildcards are not taken; list each name`);
  if (!/^[a-z0-9._-]+$/i.test(value)) {
    throw new Error(`name ${JSON.stringify(text)}: not a DNS name; write it as the certificate does`);
  }
  return text.toLowerCase();
}

/** Returns names that {@link parseName} reads. All that is wrong with them is reported together. */
export function parseNames(texts: readonly string[]): ReadonlySet<string> {
  const names = new Set<string>();
  const problems: string[] = [];
  for (const text of texts) {
    try {
      names.add(parseName(text));
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return names;
}

/** Tells whether one of a peer's names is on a list. The case of DNS names does not count. */
export function isListed(list: ReadonlySet<string>, names: readonly string[]): boolean {
  return names.some((name) => list.has(name.startsWith("dns:") ? name.toLowerCase() : name));
}
