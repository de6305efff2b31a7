import { closeSync, fdatasyncSync, ftruncateSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";

/** One change of a card's points. */
export interface Entry {
  readonly card: string;
  /** More, or fewer. */
  readonly points: bigint;
  /** The order that brought them. */
  readonly order?: string;
  /** The voucher that was given for them. */
  readonly voucher?: string;
  /** The idempotency key of the call that asked for the voucher. */
  readonly key?: string;
}

interface Card {
  points: bigint;
  /** Those of all times. */
  earned: bigint;
}

/**
 * The points of all cards: a file that only grows, one entry a line, and what follows from it in memory. An entry is on the disk
 * before anybody hears of it, and whole or not there: what a crash leaves of a line is cut off. One process has the file.
 */
export class Ledger {
  readonly #cards = new Map<string, Card>();
  readonly #orders = new Set<string>();
  readonly #vouchers = new Map<string, { readonly entry: Entry; readonly left: bigint }>();
  readonly #file: number;
  /** In bytes, all entries whole. */
  #size = 0;

  private constructor(private readonly path: string) {
    lock(path);
    this.#file = openSync(path, "a+");
  }

  /** Opens a ledger; a new one begins with the entries given. */
  static open(path: string, opening: readonly Entry[] = []): Ledger {
    const ledger = new Ledger(path);
    try {
      ledger.#replay();
      if (ledger.#cards.size === 0) for (const entry of opening) ledger.add(entry);
    } catch (error) {
      ledger.close();
      throw error;
    }
    return ledger;
  }

  /** Returns a card, or undefined where there is none. */
  card(number: string): Readonly<Card> | undefined {
    return this.#cards.get(number);
  }

  /** Tells whether an order has brought points. */
  hasOrder(id: string): boolean {
    return this.#orders.has(id);
  }

  /** Returns the voucher that a call was answered with, and how many points were left then. */
  voucher(key: string): { readonly entry: Entry; readonly left: bigint } | undefined {
    return this.#vouchers.get(key);
  }

  /** Adds an entry, and returns how many points its card has then. */
  add(entry: Entry): bigint {
    const line = Buffer.from(`${JSON.stringify({ ...entry, points: String(entry.points) })}\n`);
    try {
      writeFileSync(this.#file, line);
      fdatasyncSync(this.#file);
    } catch (error) {
      ftruncateSync(this.#file, this.#size); // a full disk takes half a line, too
      throw error;
    }
    this.#size += line.length;
    return this.#apply(entry);
  }

  close(): void {
    closeSync(this.#file);
    rmSync(`${this.path}.lock`, { force: true });
  }

  #apply(entry: Entry): bigint {
    const card = this.#cards.get(entry.card) ?? { points: 0n, earned: 0n };
    this.#cards.set(entry.card, card);
    card.points += entry.points;
    if (entry.points > 0n) card.earned += entry.points;
    if (entry.order !== undefined) this.#orders.add(entry.order);
    if (entry.key !== undefined) this.#vouchers.set(entry.key, { entry, left: card.points });
    return card.points;
  }

  #replay(): void {
    const bytes = readFileSync(this.path);
    const whole = bytes.lastIndexOf("\n") + 1;
    ftruncateSync(this.#file, whole);
    this.#size = whole;
    const lines = bytes.subarray(0, whole).toString("utf8").split("\n").slice(0, -1);
    for (const [i, line] of lines.entries()) {
      try {
        const entry = JSON.parse(line);
        this.#apply({ ...entry, points: BigInt(entry.points) });
      } catch (error) {
        throw new Error(`${this.path}:${i + 1}: no entry of a ledger: ${(error as Error).message}`);
      }
    }
  }
}

/** This process: the number alone is that of another one after a restart, in a container each time. */
const me = { pid: process.pid, host: hostname(), since: performance.timeOrigin };

/** Sees to it that no other process has the file. What one left that is no longer there does not count. */
function lock(path: string): void {
  const file = `${path}.lock`;
  for (;;) {
    try {
      writeFileSync(file, JSON.stringify(me), { flag: "wx" });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const owner = ownerOf(file);
      if (owner !== undefined && isAlive(owner)) {
        throw new Error(
          `${path}: process ${owner.pid} on ${owner.host} has it open; stop that, or name another file; if it is gone, remove ${file}`,
        );
      }
      rmSync(file, { force: true });
    }
  }
}

function ownerOf(file: string): typeof me | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined; // a crash has left it empty, or it is gone by now
  }
}

function isAlive({ pid, host, since }: typeof me): boolean {
  if (host !== me.host) return true; // as far as can be known
  if (pid === me.pid) return since === me.since;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // somebody else's
  }
}
