import { randomInt } from "node:crypto";
import { Code, callOf, type HandlerContext, refuse, type ServiceImpl } from "@intentgate/service";
import {
  type CreditOrderRequest,
  type GetBalanceRequest,
  type LoyaltyService,
  type RedeemPointsRequest,
  Tier,
} from "../../../gen/typescript/shop/loyalty/v1/loyalty_service_pb.js";
import type { Entry, Ledger } from "./ledger.js";
import { languageOf, words } from "./words.js";

/** The cards that a new ledger begins with. */
export const opening: readonly Entry[] = [
  { card: "L-2077", points: 1250n },
  { card: "L-3004", points: 80n },
  { card: "L-9007", points: 9007199254740993n }, // more than a double can tell from its neighbours
];

/** Answers for the points of a ledger. */
export class Loyalty implements ServiceImpl<typeof LoyaltyService> {
  constructor(private readonly ledger: () => Ledger) {}

  getBalance(request: GetBalanceRequest) {
    const card = this.#find(request.card);
    const tier = card.earned >= 10_000n ? Tier.GOLD : card.earned >= 1_000n ? Tier.SILVER : Tier.BLUE;
    const text = words.balance[languageOf(request)](card.points, tier);
    return { text, card: request.card, points: card.points, tier };
  }

  redeemPoints(request: RedeemPointsRequest, context: HandlerContext) {
    const { requestId } = callOf(context);
    // The key stands in the entry itself: however often this is tried, and whenever this process is started anew, points are
    // taken once, and each try hears of the same voucher.
    const earlier = requestId === "" ? undefined : this.ledger().voucher(requestId);
    const { entry, left } = earlier ?? this.#redeem(request, requestId);
    const cents = -entry.points;
    return {
      text: words.voucher[languageOf(request)](cents, entry.voucher ?? "", left),
      voucher: entry.voucher ?? "",
      worth: { currencyCode: "EUR", units: cents / 100n, nanos: Number(cents % 100n) * 1e7 },
      points: left,
    };
  }

  creditOrder({ card, orderId, points }: CreditOrderRequest) {
    if (points <= 0n || orderId === "") {
      throw refuse(Code.InvalidArgument, "want an order, and points to credit", { fields: { points: "more than 0" } });
    }
    const { points: before } = this.#find(card);
    if (this.ledger().hasOrder(orderId)) return { credited: false, points: before };
    return { credited: true, points: this.ledger().add({ card, points, order: orderId }) };
  }

  #find(number: string) {
    const card = this.ledger().card(number);
    if (card !== undefined) return card;
    throw refuse(Code.NotFound, "no such card", { say: words.unknownCard, fields: { card: "unknown" } });
  }

  #redeem({ card, points }: RedeemPointsRequest, requestId: string) {
    const { points: has } = this.#find(card);
    if (points <= 0n || points % 100n !== 0n) {
      throw refuse(Code.InvalidArgument, "points are not in hundreds", {
        say: words.tooSmall,
        fields: { points: "no multiple of 100" },
      });
    }
    if (points > has) {
      throw refuse(Code.FailedPrecondition, "more points than the card has", {
        say: words.tooMany(has),
        fields: { points: "more than the card has" },
        // What there is to choose from: where the channel shows it, the user need not type.
        reply: has < 100n ? undefined : { messages: [{ kind: quickReplies(has - (has % 100n)) }] },
      });
    }
    const key = requestId === "" ? {} : { key: requestId };
    const entry: Entry = { card, points: -points, voucher: newCode(), ...key };
    return { entry, left: this.ledger().add(entry) };
  }
}

function quickReplies(points: bigint) {
  return { case: "quickReplies" as const, value: { replies: [String(points), "100"] } };
}

/** Returns a code that nobody guesses, without letters that are taken for others. */
function newCode(): string {
  const letters = "ABCDEFGHJKMNPQRSTUVWXYZ23456789";
  const block = () => Array.from({ length: 4 }, () => letters[randomInt(letters.length)]).join("");
  return `${block()}-${block()}-${block()}`;
}
