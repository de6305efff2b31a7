import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext, valuesWith } from "@intentgate/service";
import { LocalizedMessageSchema } from "@intentgate/service/gen/google/rpc/error_details_pb.js";
import {
  CreditOrderRequestSchema,
  GetBalanceRequestSchema,
  RedeemPointsRequestSchema,
  Tier,
} from "../../../gen/typescript/shop/loyalty/v1/loyalty_service_pb.js";
import { Ledger } from "../dist/ledger.js";
import { Loyalty, opening } from "../dist/loyalty.js";

function world(t: TestContext): Loyalty {
  const folder = mkdtempSync(join(tmpdir(), "loyalty-"));
  const ledger = Ledger.open(join(folder, "ledger.jsonl"), opening);
  t.after(() => {
    ledger.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return new Loyalty(() => ledger);
}

/** The context of a call: of an agent's with an idempotency key, or of a program's. */
function context(requestId = ""): HandlerContext {
  const peer = { names: [], certificate: undefined as never };
  return { values: valuesWith({ peer, direct: requestId === "", requestId }) } as never;
}

const balance = (card: string, language = "en") => create(GetBalanceRequestSchema, { card, language });
const redeem = (card: string, points: bigint, language = "en") => create(RedeemPointsRequestSchema, { card, points, language });
const credit = (card: string, orderId: string, points: bigint) => create(CreditOrderRequestSchema, { card, orderId, points });

/** Returns the status that a call ends with, and what users hear of it. */
function refusal(call: () => unknown): { code: Code; heard: string[]; details: number } {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof ConnectError);
    assert.doesNotMatch(error.rawMessage, /\d/); // it goes into the log
    // As it arrives at the other end.
    const heard = error.details.flatMap((detail) =>
      "desc" in detail && detail.desc === LocalizedMessageSchema
        ? [`${(detail.value as { locale: string }).locale}: ${(detail.value as { message: string }).message}`]
        : [],
    );
    return { code: error.code, heard, details: error.details.length };
  }
  return assert.fail("no refusal");
}

test("a balance, in two languages and with every digit", (t) => {
  const loyalty = world(t);
  const { text, ...rest } = loyalty.getBalance(balance("L-2077"));
  assert.equal(text, "Your card has 1,250 points. It is a silver card.");
  assert.deepEqual(rest, { card: "L-2077", points: 1250n, tier: Tier.SILVER });
  assert.equal(
    loyalty.getBalance(balance("L-9007", "de-AT")).text,
    "Ihre Karte hat 9.007.199.254.740.993 Punkte. Sie ist eine goldene Karte.",
  );
  assert.equal(loyalty.getBalance(balance("L-3004")).tier, Tier.BLUE);
});

test("points are taken once, however often it is tried", (t) => {
  const loyalty = world(t);
  const first = loyalty.redeemPoints(redeem("L-2077", 1000n), context("1.a"));
  assert.match(first.voucher, /^[A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4}$/);
  assert.equal(first.text, `Here is your voucher of €10.00: ${first.voucher}. You have 250 points left.`);
  assert.deepEqual(first.worth, { currencyCode: "EUR", units: 10n, nanos: 0 });
  assert.deepEqual(loyalty.redeemPoints(redeem("L-2077", 1000n), context("1.a")), first);
  assert.equal(loyalty.getBalance(balance("L-2077")).points, 250n);

  // Another turn is another wish, and so is each call of a program.
  loyalty.redeemPoints(redeem("L-2077", 100n), context("1.b"));
  const last = loyalty.redeemPoints(redeem("L-2077", 100n, "de"), context());
  assert.equal(last.text, `Hier ist Ihr Gutschein über 1,00\u00a0€: ${last.voucher}. Sie haben noch 50 Punkte.`);
  assert.deepEqual(loyalty.redeemPoints(redeem("L-2077", 1000n), context("1.a")), first);
});

test("no points are lost where a double would", (t) => {
  const { worth, points } = world(t).redeemPoints(redeem("L-9007", 9007199254740900n), context("1.a"));
  assert.deepEqual([worth.units, worth.nanos, points], [90071992547409n, 0, 93n]);
});

test("what is refused, and what the user hears", (t) => {
  const loyalty = world(t);
  const unknown = refusal(() => loyalty.getBalance(balance("L-0000")));
  assert.equal(unknown.code, Code.NotFound);
  assert.equal(unknown.heard.length, 2);
  assert.match(unknown.heard[1] ?? "", /^de: Eine Karte mit dieser Nummer/);
  for (const points of [0n, -100n, 150n]) {
    assert.equal(refusal(() => loyalty.redeemPoints(redeem("L-2077", points), context("1.a"))).code, Code.InvalidArgument);
  }
  const poor = refusal(() => loyalty.redeemPoints(redeem("L-2077", 2000n), context("1.a")));
  assert.equal(poor.code, Code.FailedPrecondition);
  assert.match(poor.heard[0] ?? "", /^en: You have 1,250 points/);
  assert.equal(poor.details, 4); // two languages, the field, and what there is to choose from
  assert.equal(refusal(() => loyalty.redeemPoints(redeem("L-3004", 100n), context("1.a"))).details, 3);
  assert.equal(loyalty.getBalance(balance("L-2077")).points, 1250n);
});

test("an order brings its points once", (t) => {
  const loyalty = world(t);
  assert.deepEqual(loyalty.creditOrder(credit("L-3004", "A-1042", 50n)), { credited: true, points: 130n });
  assert.deepEqual(loyalty.creditOrder(credit("L-3004", "A-1042", 50n)), { credited: false, points: 130n });
  assert.equal(refusal(() => loyalty.creditOrder(credit("L-3004", "A-1043", 0n))).code, Code.InvalidArgument);
  assert.equal(refusal(() => loyalty.creditOrder(credit("L-0000", "A-1043", 5n))).code, Code.NotFound);
});
