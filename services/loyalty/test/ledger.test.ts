import assert from "node:assert/strict";
import fs, { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Ledger } from "../dist/ledger.js";

function file(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "loyalty-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "ledger.jsonl");
}

test("a ledger is what its file says", (t) => {
  const path = file(t);
  const opening = [{ card: "L-2077", points: 9007199254740993n }];
  const first = Ledger.open(path, opening);
  assert.equal(first.add({ card: "L-2077", points: 7n, order: "A-1042" }), 9007199254741000n);
  first.add({ card: "L-2077", points: -9007199254740900n, voucher: "V", key: "1.a" });
  first.close();

  const second = Ledger.open(path, opening); // which it has already
  assert.deepEqual(second.card("L-2077"), { points: 100n, earned: 9007199254741000n });
  assert.deepEqual([second.hasOrder("A-1042"), second.hasOrder("A-1043")], [true, false]);
  assert.deepEqual(second.voucher("1.a"), {
    entry: { card: "L-2077", points: -9007199254740900n, voucher: "V", key: "1.a" },
    left: 100n,
  });
  assert.equal(second.voucher("1.b"), undefined);
  assert.equal(second.card("L-0000"), undefined);
  second.close();
});

test("what a crash leaves of an entry is cut off", (t) => {
  const path = file(t);
  Ledger.open(path, [{ card: "L-2077", points: 10n }]).close();
  appendFileSync(path, '{"card":"L-2077","poi');
  const ledger = Ledger.open(path);
  assert.equal(ledger.add({ card: "L-2077", points: 5n }), 15n);
  ledger.close();
  assert.equal(readFileSync(path, "utf8").split("\n").length, 3);
});

test("what is no ledger is left alone", (t) => {
  const path = file(t);
  writeFileSync(path, '{"card":"L-2077","points":"10"}\nhello\n');
  assert.throws(() => Ledger.open(path), /ledger.jsonl:2: no entry of a ledger/);
  assert.equal(existsSync(`${path}.lock`), false);
});

test("one process has the file", (t) => {
  const path = file(t);
  const ledger = Ledger.open(path);
  assert.throws(() => Ledger.open(path), new RegExp(`process ${process.pid} on .* has it open`));
  const held = JSON.parse(readFileSync(`${path}.lock`, "utf8"));
  ledger.close();
  for (const gone of [{ pid: 999999999 }, { since: 0 }]) {
    writeFileSync(`${path}.lock`, JSON.stringify({ ...held, ...gone }));
    Ledger.open(path).close();
  }
  writeFileSync(`${path}.lock`, "");
  Ledger.open(path).close();
  writeFileSync(`${path}.lock`, JSON.stringify({ ...held, host: "elsewhere" }));
  assert.throws(() => Ledger.open(path), /on elsewhere has it open/);
});

test("an entry is in the file whole, or not there", (t) => {
  const path = file(t);
  const ledger = Ledger.open(path, [{ card: "L-2077", points: 10n }]);
  t.mock.method(fs, "fdatasyncSync", () => {
    throw new Error("the disk is full");
  });
  syncBuiltinESMExports();
  assert.throws(() => ledger.add({ card: "L-2077", points: 5n }), /full/);
  t.mock.restoreAll();
  syncBuiltinESMExports();
  assert.equal(ledger.add({ card: "L-2077", points: 2n }), 12n);
  ledger.close();
  const again = Ledger.open(path);
  assert.equal(again.card("L-2077")?.points, 12n);
  again.close();
});
