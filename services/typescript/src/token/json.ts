/**
 * Reads JSON in UTF-8, in which each name of an object has to come once: `JSON.parse` takes the last of several, and who else reads
 * the same text may take another. It throws for anything else.
 *
 * @param whole members of the outermost object whose numbers have to be written without a point and an exponent: `JSON.parse` makes the
 * same of `1e3` and `1000`, others do not
 */
export function parseJson(document: Uint8Array, whole: readonly string[] = []): unknown {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(document);
  const value: unknown = JSON.parse(text);
  checkSpelling(text, whole);
  return value;
}

/** Looks at the strings, and at some numbers, of a text that is JSON. */
function checkSpelling(text: string, whole: readonly string[]): void {
  const objects: (Set<string> | undefined)[] = []; // the names in each object that is open; undefined for a list
  let last = "";
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]|-?\d[\d.eE+-]*/g)) {
    switch (token) {
      case "{":
        objects.push(new Set());
        break;
      case "[":
        objects.push(undefined);
        break;
      case "}":
      case "]":
        objects.pop();
        break;
      case ":": // the string before it is a name
        if (objects.at(-1)?.has(last)) throw new Error(`${JSON.stringify(last)} twice in one object`);
        objects.at(-1)?.add(last);
        break;
      default:
        if (!token.startsWith('"')) {
          if (objects.length === 1 && whole.includes(last) && /[.eE]/.test(token)) throw new Error(`${last} is no whole number`);
          break;
        }
        last = token.includes("\\") ? JSON.parse(token) : token.slice(1, -1);
        if (!last.isWellFormed()) throw new Error("half a character");
    }
  }
}

/** Returns the members of an object by name, undefined in the place of null; undefined where it is no object. */
export function membersOf(value: unknown): ReadonlyMap<string, unknown> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return new Map(Object.entries(value).map(([name, member]) => [name, member ?? undefined]));
}
