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
  private final Watched pair;
  private final Watched authorities;

  /**
   * Reads the files.
   *
   * @throws IllegalArgumentException with all that is wrong with them
   */
  Identity(Files files, Log log, Clock clock) {
    this.log = log;
    this.clock = clock;
    pair = new Watched(List.of(files.cert(), files.key()), log, contents -> setPair(files, contents.get(0), contents.get(1)));
    authorities = trust.of(files.ca(), log);
    List<String> problems = new ArrayList<>();
    for (Watched part : List.of(pair, authorities)) {
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
}
