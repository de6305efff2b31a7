package io.github.intentgate.service;

import java.nio.file.Path;
import java.util.Objects;

/**
 * The PEM files of one end of the hop between the gateway and its services. Each may be replaced at any time, best by a rename.
 *
 * @param cert the own certificate, followed by its intermediates
 * @param key the certificate's private key, not encrypted
 * @param ca the authorities whose certificates are accepted from peers
 */
public record Files(Path cert, Path key, Path ca) {
  /** Makes sure that all three are named. */
  public Files {
    Objects.requireNonNull(cert, "cert");
    Objects.requireNonNull(key, "key");
    Objects.requireNonNull(ca, "ca");
  }
}
