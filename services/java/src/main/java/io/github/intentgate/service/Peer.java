package io.github.intentgate.service;

import java.security.cert.X509Certificate;
import java.util.List;

/**
 * A program that proved its identity with a client certificate.
 *
 * @param names the certificate's names as {@code dns:…}, {@code uri:…}, {@code email:…}, {@code ip:…}
 * @param certificate the certificate; null only in tests
 */
public record Peer(List<String> names, X509Certificate certificate) {
  /** Copies the names. */
  public Peer {
    names = List.copyOf(names);
  }
}
