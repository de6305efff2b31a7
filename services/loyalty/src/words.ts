import { Tier } from "../../../gen/typescript/shop/loyalty/v1/loyalty_service_pb.js";

/** The languages that the shop speaks. */
export type Language = "en" | "de";

/** Returns the language to answer in. Dialogflow writes it in many ways, such as de, de-AT or deDE. */
export function languageOf(request: { readonly language: string }): Language {
  return request.language.toLowerCase().startsWith("de") ? "de" : "en";
}

/** What the shop says, in each language. */
export const words = {
  balance: {
    en: (points: bigint, tier: Tier) => `Your card has ${number("en", points)} points. It is a ${tiers[tier].en} card.`,
    de: (points: bigint, tier: Tier) => `Ihre Karte hat ${number("de", points)} Punkte. Sie ist eine ${tiers[tier].de} Karte.`,
  },
  voucher: {
    en: (worth: bigint, code: string, left: bigint) =>
      `Here is your voucher of ${euros("en", worth)}: ${code}. You have ${number("en", left)} points left.`,
    de: (worth: bigint, code: string, left: bigint) =>
      `Hier ist Ihr Gutschein über ${euros("de", worth)}: ${code}. Sie haben noch ${number("de", left)} Punkte.`,
  },
  unknownCard: {
    en: "I can't find a card with that number. It is printed on the card, and looks like L-2077.",
    de: "Eine Karte mit dieser Nummer finde ich nicht. Sie steht auf der Karte und sieht aus wie L-2077.",
  },
  tooSmall: {
    en: "A voucher takes a hundred points or a multiple of that. How many shall it be?",
    de: "Einen Gutschein gibt es für hundert Punkte oder ein Vielfaches davon. Wie viele sollen es sein?",
  },
  tooMany: (points: bigint) => ({
    en: `You have ${number("en", points)} points, and that is not enough. How many shall it be?`,
    de: `Sie haben ${number("de", points)} Punkte, und das reicht nicht. Wie viele sollen es sein?`,
  }),
} as const;

const tiers: Record<Tier, Record<Language, string>> = {
  [Tier.UNSPECIFIED]: { en: "plain", de: "einfache" },
  [Tier.BLUE]: { en: "blue", de: "blaue" },
  [Tier.SILVER]: { en: "silver", de: "silberne" },
  [Tier.GOLD]: { en: "gold", de: "goldene" },
};

function number(language: Language, points: bigint): string {
  return new Intl.NumberFormat(language).format(points);
}

function euros(language: Language, cents: bigint): string {
  // Of a text no digit is lost, however large it is.
  const amount = `${cents / 100n}.${String(cents % 100n).padStart(2, "0")}`;
  return new Intl.NumberFormat(language, { style: "currency", currency: "EUR" }).format(amount as never);
}
