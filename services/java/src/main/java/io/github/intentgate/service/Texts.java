package io.github.intentgate.service;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** A text in several languages. The first is for all others. */
public final class Texts {
  private final Map<String, String> byTag = new LinkedHashMap<>();

  private Texts() {}

  /** Begins with a text in a language such as {@code en}. */
  public static Texts of(String language, String text) {
    return new Texts().and(language, text);
  }

  /** Returns these texts and one more. */
  public Texts and(String language, String text) {
    Texts more = new Texts();
    more.byTag.putAll(byTag);
    more.byTag.put(language.toLowerCase(Locale.ROOT), text);
    return more;
  }

  /** Returns the text in a turn's language, of which Dialogflow writes the tag in many ways, such as de, de-AT or deDE. */
  public String in(String language) {
    String wanted = language.toLowerCase(Locale.ROOT).replace('_', '-');
    String primary = wanted.split("-", 2)[0];
    String two = primary.length() == "dede".length() ? primary.substring(0, 2) : primary;
    for (String tag : new String[] {wanted, primary, two}) {
      if (byTag.containsKey(tag)) {
        return byTag.get(tag);
      }
    }
    return byTag.values().iterator().next();
  }
}
