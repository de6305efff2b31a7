package io.github.intentgate.shop.payments;

import io.github.intentgate.service.Texts;

/** What users hear. */
final class Words {
  /** The tag of each language that is spoken. */
  static final Texts LANGUAGE = words("en", "de", "fr");

  /** Takes the amount and the day. */
  static final Texts SENT = words(
      "We have sent you %s. You asked for it on %s; your bank takes two days.",
      "Wir haben Ihnen %s überwiesen. Sie haben am %s darum gebeten; Ihre Bank braucht zwei Tage.",
      "Nous vous avons envoyé %s. Vous l'avez demandé le %s ; votre banque met deux jours.");

  /** Takes the amount and the day. */
  static final Texts REQUESTED = words(
      "You asked for %s on %s. A colleague is looking at it.",
      "Sie haben um %s gebeten, am %s. Eine Kollegin sieht es sich an.",
      "Vous avez demandé %s le %s. Une collègue s'en occupe.");

  /** Takes the amount. */
  static final Texts TAKEN = words(
      "You will get %s back. A colleague looks at it first.",
      "Sie bekommen %s zurück. Eine Kollegin sieht es sich erst an.",
      "Vous récupérerez %s. Une collègue vérifie d'abord.");

  /** Takes the payment's number. */
  static final Texts NO_PAYMENT = words(
      "I can't find a payment %s.", "Eine Zahlung %s finde ich nicht.", "Je ne trouve pas de paiement %s.");

  static final Texts NO_REFUND = words(
      "Nobody has asked for a refund of this payment yet.",
      "Um eine Erstattung dieser Zahlung hat noch niemand gebeten.",
      "Personne n'a encore demandé le remboursement de ce paiement.");

  static final Texts ASK_FOR_ONE = words("I want my money back", "Ich möchte mein Geld zurück", "Je veux être remboursé");

  /** Takes the amount. */
  static final Texts TOO_MUCH = words(
      "That is more than is left of the payment: %s.",
      "Das ist mehr, als von der Zahlung übrig ist: %s.",
      "C'est plus que ce qui reste du paiement : %s.");

  static final Texts CENTS = words(
      "We can pay back whole cents only.", "Wir können nur ganze Cent erstatten.", "Nous ne remboursons que des centimes entiers.");

  private Words() {}

  private static Texts words(String english, String german, String french) {
    return Texts.of("en", english).and("de", german).and("fr", french);
  }
}
