import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
  assert.throws(() => Ledger.open(path), new RegExp(`process ${process.pid} has it open`));
  ledger.close();
  writeFileSync(`${path}.lock`, "999999999"); // nobody
  Ledger.open(path).close();
});
