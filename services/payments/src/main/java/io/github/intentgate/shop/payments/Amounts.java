package io.github.intentgate.shop.payments;

import com.google.type.Date;
import com.google.type.Money;
import java.math.BigDecimal;
import java.text.NumberFormat;
import java.time.LocalDate;
import java.time.format.DateTimeFormatter;
import java.time.format.FormatStyle;
import java.util.Currency;
import java.util.Locale;

/** Amounts of euros and days, as protos and as people have them. */
final class Amounts {
  private static final String EURO = "EUR";
  private static final int NANO_DIGITS = 9;

  private Amounts() {}

  static Money money(BigDecimal euros) {
    BigDecimal[] parts = euros.divideAndRemainder(BigDecimal.ONE);
    return Money.newBuilder().setCurrencyCode(EURO).setUnits(parts[0].longValueExact())
        .setNanos(parts[1].movePointRight(NANO_DIGITS).intValueExact()).build();
  }

  static BigDecimal euros(Money money) {
    return BigDecimal.valueOf(money.getUnits()).add(BigDecimal.valueOf(money.getNanos(), NANO_DIGITS)).stripTrailingZeros();
  }

  static Date date(LocalDate day) {
    return Date.newBuilder().setYear(day.getYear()).setMonth(day.getMonthValue()).setDay(day.getDayOfMonth()).build();
  }

  static String say(BigDecimal euros, Locale language) {
    NumberFormat format = NumberFormat.getCurrencyInstance(language);
    format.setCurrency(Currency.getInstance(EURO));
    format.setMinimumFractionDigits(2);
    format.setMaximumFractionDigits(2);
    return format.format(euros);
  }

  static String say(LocalDate day, Locale language) {
    return day.format(DateTimeFormatter.ofLocalizedDate(FormatStyle.LONG).withLocale(language));
  }
}
