package io.github.intentgate.service;

import java.net.URI;
import java.net.URISyntaxException;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Names of peers: subject alternative names of their certificates, written {@code dns:<name>} or {@code uri:<id>}. */
final class Names {
  private static final Pattern BAD_IN_DNS = Pattern.compile("[^a-z0-9._-]");

  /** The kinds of names in the order in which they are listed, by their numbers in RFC 5280. */
  private static final Map<Integer, String> KINDS = new LinkedHashMap<>();

  static {
    KINDS.put(2, "dns:");
    KINDS.put(6, "uri:");
    KINDS.put(1, "email:");
    KINDS.put(7, "ip:");
  }

  private Names() {}

  /**
   * Reads a name of a list of callers, and returns it as certificates are compared with it: there are no wildcards, since a name
   * is one peer's, and the case of DNS names does not count.
   *
   * @throws IllegalArgumentException if it is none, saying what to write
   */
  static String parse(String text) {
    String kind = text.substring(0, Math.max(text.indexOf(':'), 0));
    String value = text.substring(text.indexOf(':') + 1);
    if (!kind.equals("dns") && !kind.equals("uri")) {
      throw bad(text, "unknown kind; write dns:<name> or uri:<id>");
    } else if (value.isEmpty()) {
      throw bad(text, "nothing follows " + kind + ":; write what the certificate says");
    } else if (kind.equals("uri")) {
      return parseUri(text, value);
    }
    value = value.toLowerCase(Locale.ROOT);
    if (value.contains("*")) {
      throw bad(text, "wildcards are not taken; list each name");
    }
    Matcher odd = BAD_IN_DNS.matcher(value);
    if (odd.find()) {
      throw bad(text, "\"" + odd.group() + "\" is not allowed in a DNS name; write it as the certificate does");
    }
    return "dns:" + value;
  }

  private static String parseUri(String text, String id) {
    try {
      if (!new URI(id).isAbsolute()) {
        throw bad(text, "no scheme; write for example uri:spiffe://example.org/gateway");
      }
    } catch (URISyntaxException e) {
      throw bad(text, "is no URI: " + e.getMessage());
    }
    return text;
  }

  private static IllegalArgumentException bad(String text, String problem) {
    return new IllegalArgumentException("name \"" + text + "\": " + problem);
  }

  /**
   * Reads a list of names.
   *
   * @throws IllegalArgumentException with all that is wrong with it
   */
  static Set<String> parseAll(Collection<String> texts) {
    Set<String> names = new TreeSet<>();
    List<String> problems = new ArrayList<>();
    for (String text : texts) {
      try {
        names.add(parse(text));
      } catch (IllegalArgumentException e) {
        problems.add(e.getMessage());
      }
    }
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(String.join("; ", problems));
    }
    return names;
  }

  /** Returns a certificate's names, by kind and in the certificate's order; none if they cannot be read. */
  static List<String> of(X509Certificate certificate) {
    Collection<List<?>> all;
    try {
      all = certificate.getSubjectAlternativeNames();
    } catch (CertificateParsingException e) {
      return List.of();
    }
    List<String> names = new ArrayList<>();
    KINDS.forEach((number, kind) -> {
      for (List<?> name : all == null ? List.<List<?>>of() : all) {
        if (number.equals(name.get(0))) {
          names.add(kind + name.get(1));
        }
      }
    });
    return List.copyOf(names);
  }

  /** Tells whether one of a certificate's names is in a list. The common name is never looked at. */
  static boolean listed(List<String> names, Set<String> list) {
    return names.stream().map(n -> n.startsWith("dns:") ? n.toLowerCase(Locale.ROOT) : n).anyMatch(list::contains);
  }
}
