/** How much attention a line wants. */
export type Level = "debug" | "info" | "warn" | "error";

/** Takes one line of the log: a constant message, and what it is about. */
export type Log = (level: Level, message: string, fields?: Fields) => void;

/** What a line is about, by name. Values are texts, numbers, lists of these, errors, {@link Duration}s or more fields. */
export interface Fields {
  readonly [name: string]: unknown;
}

/** A span of time, in milliseconds: written as 1.5ms in text, and in JSON as a number of nanoseconds, as Go's services do. */
export class Duration {
  constructor(readonly ms: number) {}

  toString(): string {
    return this.ms < 1000 ? `${Number(this.ms.toFixed(6))}ms` : `${Number((this.ms / 1000).toFixed(9))}s`;
  }

  toJSON(): number {
    return Math.round(this.ms * 1e6);
  }
}

/** How a log is written. */
export interface LogOptions {
  /** `text` is logfmt, `json` one object a line. */
  readonly format: "text" | "json";
  /** Takes each line, its end included. */
  readonly write: (line: string) => void;
  /** The clock; default: the machine's. */
  readonly now?: () => Date;
}

/** Returns a log that writes a line each, but for those of level debug. */
export function logTo({ format, write, now = () => new Date() }: LogOptions): Log {
  return (level, message, fields = {}) => {
    if (level === "debug") return;
    const line = { time: now().toISOString(), level: level.toUpperCase(), msg: message, ...fields };
    write(`${format === "json" ? JSON.stringify(line, plain) : logfmt(line)}\n`);
  };
}

/** Returns a log that says in each line what is given. */
export function withFields(log: Log, given: Fields): Log {
  return (level, message, fields) => log(level, message, { ...given, ...fields });
}

function plain(_: string, value: unknown): unknown {
  if (value instanceof Error) return value.message;
  return typeof value === "bigint" ? String(value) : value;
}

function logfmt(fields: Fields, prefix = ""): string {
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (isFields(value)) pairs.push(logfmt(value, `${prefix}${name}.`));
    else pairs.push(`${prefix}${name}=${quote(text(value))}`);
  }
  return pairs.join(" ");
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function text(value: unknown): string {
  if (value instanceof Error) return value.message;
  return Array.isArray(value) ? `[${value.map(text).join(" ")}]` : String(value);
}

/** Quotes what would not be read back as one value, or could pass for another line. */
function quote(value: string): string {
  return /^[!#-<>-~\u{a1}-\u{10ffff}]+$/u.test(value) ? value : JSON.stringify(value);
}
