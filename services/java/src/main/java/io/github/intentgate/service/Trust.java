package io.github.intentgate.service;

import java.io.IOException;
import java.net.Socket;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertPathBuilder;
import java.security.cert.CertPathBuilderException;
import java.security.cert.CertStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXBuilderParameters;
import java.security.cert.PKIXCertPathBuilderResult;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;

/** Judges peers' certificates by authorities that may be replaced at any time. */
final class Trust extends X509ExtendedTrustManager {
  private volatile State state;

  private record State(List<X509Certificate> authorities, X509ExtendedTrustManager manager) {}

  /** Replaces the authorities. */
  void set(List<X509Certificate> authorities) throws GeneralSecurityException {
    try {
      KeyStore store = KeyStore.getInstance("PKCS12");
      store.load(null, null);
      for (int i = 0; i < authorities.size(); i++) {
        store.setCertificateEntry(String.valueOf(i), authorities.get(i));
      }
      TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
      factory.init(store);
      state = new State(authorities, (X509ExtendedTrustManager) factory.getTrustManagers()[0]);
    } catch (IOException e) { // never: nothing is read
      throw new IllegalStateException(e);
    }
  }

  /** Returns a file of authorities, which replaces them when it is read. */
  Watched of(Path file, Log log) {
    return new Watched(List.of(file), log, contents -> set(file, contents.get(0)));
  }

  private void set(Path file, byte[] content) throws Pem.BadFile, GeneralSecurityException {
    List<X509Certificate> certificates = Pem.certificates(file, content);
    for (int i = 0; i < certificates.size(); i++) {
      X509Certificate certificate = certificates.get(i);
      if (certificate.getVersion() == 3 && certificate.getBasicConstraints() < 0) { // version 1 knows no constraints
        throw new Pem.BadFile(file, "certificate " + (i + 1) + " (" + certificate.getSubjectX500Principal()
            + ") is no authority; put the one there that signed it");
      }
    }
    set(certificates);
  }

  /** Returns the current authorities; another list once they are others. */
  List<X509Certificate> authorities() {
    return state.authorities;
  }

  /**
   * Returns until when a peer's certificate holds by the current authorities, which is as long as each certificate up to the
   * authority's. What it is good for is for the handshake to judge.
   *
   * @param chain the peer's certificate, then its intermediates
   * @throws CertificateException if it does not hold now
   */
  Instant until(Certificate[] chain, Instant now) throws CertificateException {
    X509Certificate leaf = (X509Certificate) chain[0];
    try {
      X509CertSelector target = new X509CertSelector();
      target.setCertificate(leaf);
      Set<TrustAnchor> anchors =
          state.authorities.stream().map(authority -> new TrustAnchor(authority, null)).collect(Collectors.toSet());
      PKIXBuilderParameters parameters = new PKIXBuilderParameters(anchors, target);
      parameters.setRevocationEnabled(false);
      parameters.setDate(Date.from(now));
      parameters.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(List.of(chain))));
      var result = (PKIXCertPathBuilderResult) CertPathBuilder.getInstance("PKIX").build(parameters);
      Instant until = result.getTrustAnchor().getTrustedCert().getNotAfter().toInstant();
      for (Certificate certificate : result.getCertPath().getCertificates()) {
        Instant end = ((X509Certificate) certificate).getNotAfter().toInstant();
        until = end.isBefore(until) ? end : until;
      }
      if (now.isAfter(until)) { // the authority's date, which Java does not look at
        throw new CertificateException("its authority has expired on " + until);
      }
      return until;
    } catch (CertPathBuilderException e) {
      throw new CertificateException(
          now.isAfter(leaf.getNotAfter().toInstant()) ? "it has expired" : "no authority that is accepted has issued it", e);
    } catch (GeneralSecurityException e) {
      throw new CertificateException(e);
    }
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String kind, SSLEngine engine) throws CertificateException {
    state.manager.checkClientTrusted(chain, kind, engine);
  }

  /** Judges a service. Java would fall back to the common name where there is no other. */
  @Override
  public void checkServerTrusted(X509Certificate[] chain, String kind, SSLEngine engine) throws CertificateException {
    state.manager.checkServerTrusted(chain, kind, engine);
    if (Names.of(chain[0]).stream().noneMatch(name -> name.startsWith("dns:") || name.startsWith("ip:"))) {
      throw new CertificateException("the service's certificate has no subject alternative name; the common name is not looked at");
    }
  }

  @Override
  public X509Certificate[] getAcceptedIssuers() {
    return new X509Certificate[0]; // a client that sees foreign names may show nothing
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String kind) throws CertificateException {
    throw noEngine();
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String kind) throws CertificateException {
    throw noEngine();
  }

  @Override
  public void checkClientTrusted(X509Certificate[] chain, String kind, Socket socket) throws CertificateException {
    throw noEngine();
  }

  @Override
  public void checkServerTrusted(X509Certificate[] chain, String kind, Socket socket) throws CertificateException {
    throw noEngine();
  }

  /** Netty has engines alone; without one no host name would be checked. */
  private static CertificateException noEngine() {
    return new CertificateException("only connections of an SSLEngine are judged");
  }
}
