package io.github.intentgate.service;

import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.netty.handler.ssl.ClientAuth;
import io.grpc.netty.shaded.io.netty.handler.ssl.OpenSslSessionContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.grpc.util.AdvancedTlsX509KeyManager;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.net.ssl.SSLException;

/**
 * One end of the hop: what it shows and whom it believes.
 *
 * <p>Everything comes from PEM files that are read again when they change. Opening fails where a file is missing or wrong, and says
 * which and why; once open there is always something valid to work with, since a bad new file is logged and changes nothing.
 */
final class Identity {
  private final Log log;
  private final Clock clock;
  private final AdvancedTlsX509KeyManager keys = new AdvancedTlsX509KeyManager();
  private final Trust trust = new Trust();
  private final Part pair;
  private final Part authorities;

  /**
   * Reads the files.
   *
   * @throws IllegalArgumentException with all that is wrong with them
   */
  Identity(Files files, Log log, Clock clock) {
    this.log = log;
    this.clock = clock;
    pair = new Part(List.of(files.cert(), files.key()), contents -> setPair(files, contents.get(0), contents.get(1)));
    authorities = new Part(List.of(files.ca()), contents -> setAuthorities(files.ca(), contents.get(0)));
    List<String> problems = new ArrayList<>();
    for (Part part : List.of(pair, authorities)) {
      try {
        part.read();
      } catch (Pem.BadFile e) {
        problems.add(e.getMessage());
      }
    }
    if (!problems.isEmpty()) {
      throw new IllegalArgumentException(String.join("; ", problems));
    }
  }

  private void setPair(Files files, byte[] cert, byte[] key) throws Pem.BadFile, GeneralSecurityException {
    List<X509Certificate> chain = Pem.certificates(files.cert(), cert);
    X509Certificate leaf = chain.get(0);
    PrivateKey theirs = Pem.key(files.key(), key, files.cert(), leaf.getPublicKey());
    Instant now = clock.instant();
    if (now.isAfter(leaf.getNotAfter().toInstant())) {
      throw new Pem.BadFile(files.cert(), "the certificate of " + leaf.getSubjectX500Principal() + " has expired on "
          + leaf.getNotAfter().toInstant() + "; renew it");
    } else if (now.isBefore(leaf.getNotBefore().toInstant())) { // the peer's clock decides
      log.warning("Certificate is not valid yet, peers will refuse it",
          "file", files.cert(), "not_before", leaf.getNotBefore().toInstant());
    }
    keys.updateIdentityCredentials(chain.toArray(X509Certificate[]::new), theirs);
  }

  private void setAuthorities(Path file, byte[] content) throws Pem.BadFile, GeneralSecurityException {
    List<X509Certificate> certificates = Pem.certificates(file, content);
    for (int i = 0; i < certificates.size(); i++) {
      X509Certificate certificate = certificates.get(i);
      if (certificate.getVersion() == 3 && certificate.getBasicConstraints() < 0) { // version 1 knows no constraints
        throw new Pem.BadFile(file, "certificate " + (i + 1) + " (" + certificate.getSubjectX500Principal()
            + ") is no authority; put the one there that signed it");
      }
    }
    trust.set(certificates);
  }

  /** Reads the files now. What is wrong with them is logged, once. */
  synchronized void reload() {
    pair.reload();
    authorities.reload();
  }

  /** Returns what peers are judged by. */
  Trust trust() {
    return trust;
  }

  /** Returns what a server needs: a client certificate is demanded, each connection has the files that are current then. */
  SslContext server() throws SSLException {
    return GrpcSslContexts.configure(SslContextBuilder.forServer(keys))
        .trustManager(trust).clientAuth(ClientAuth.REQUIRE).protocols("TLSv1.3").build();
  }

  /** Returns what a client needs. */
  SslContext client() throws SSLException {
    SslContext context = GrpcSslContexts.forClient().keyManager(keys).trustManager(trust).protocols("TLSv1.3").build();
    // A session that is resumed would keep certificates that may be gone. Connections of this hop live long, so that a full handshake
    // each costs nothing worth that.
    context.sessionContext().setSessionTimeout(1);
    if (context.sessionContext() instanceof OpenSslSessionContext sessions) {
      sessions.setSessionCacheEnabled(false);
    }
    return context;
  }

  /** Takes the contents of files into use, all or nothing. */
  private interface Use {
    void of(List<byte[]> contents) throws Pem.BadFile, GeneralSecurityException;
  }

  /** Files that are used together. */
  private final class Part {
    private final List<Path> files;
    private final Use use;
    private List<byte[]> current = List.of();
    private String fault;

    Part(List<Path> files, Use use) {
      this.files = files;
      this.use = use;
    }

    /** Tells whether what is in force is new. */
    boolean read() throws Pem.BadFile {
      List<byte[]> contents = new ArrayList<>();
      for (Path file : files) {
        contents.add(Pem.read(file));
      }
      if (Arrays.deepEquals(contents.toArray(), current.toArray())) {
        return false;
      }
      try {
        use.of(contents);
      } catch (GeneralSecurityException e) {
        throw new Pem.BadFile(files.get(0), "cannot be used: " + e.getMessage());
      }
      current = contents;
      return true;
    }

    void reload() {
      try {
        boolean changed = read();
        if (changed) {
          log.info("Files reloaded", "files", files);
        } else if (fault != null) {
          log.info("Files are good again", "files", files);
        }
        fault = null;
      } catch (Pem.BadFile e) {
        if (!e.getMessage().equals(fault)) {
          log.warning("Kept what is in force because the new files are no good", "files", files, "error", e.getMessage());
        }
        fault = e.getMessage();
      }
    }
  }
}
