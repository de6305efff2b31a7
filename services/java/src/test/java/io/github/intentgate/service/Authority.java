package io.github.intentgate.service;

import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.SecureRandom;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPrivateKey;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.List;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.SubjectPublicKeyInfo;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.util.io.pem.PemObject;

/** An authority that issues certificates for tests. */
record Authority(X509Certificate certificate, KeyPair keys, List<X509Certificate> chain) {
  static final KeyPurposeId CLIENT = KeyPurposeId.id_kp_clientAuth;
  static final KeyPurposeId SERVER = KeyPurposeId.id_kp_serverAuth;

  /** A certificate with its intermediates, and its key. */
  record Issued(List<X509Certificate> chain, KeyPair keys) {
    String certPem() {
      return pem(chain.toArray());
    }

    /** The key in the older form of OpenSSL and Go, which has an EC key's public half, too. */
    String keyPem() {
      if (!(keys.getPrivate() instanceof ECPrivateKey key)) {
        return pem(keys.getPrivate());
      }
      SubjectPublicKeyInfo half = SubjectPublicKeyInfo.getInstance(keys.getPublic().getEncoded());
      var both = new org.bouncycastle.asn1.sec.ECPrivateKey(
          key.getParams().getOrder().bitLength(), key.getS(), half.getPublicKeyData(), half.getAlgorithm().getParameters());
      try {
        return pem(new PemObject("EC PRIVATE KEY", both.getEncoded()));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /** How a certificate differs from an ordinary one. */
  static final class Leaf {
    private final String[] names;
    private String commonName = "";
    private KeyPurposeId[] usages = {CLIENT, SERVER};
    private Duration valid = Duration.ofHours(1);

    /** A certificate with names written {@code dns:…} and so on. It begins to be valid two hours ago. */
    Leaf(String... names) {
      this.names = names;
    }

    Leaf commonName(String name) {
      commonName = name;
      return this;
    }

    Leaf usages(KeyPurposeId... only) {
      usages = only;
      return this;
    }

    Leaf valid(Duration fromNow) {
      valid = fromNow;
      return this;
    }
  }

  static Authority create(String name) {
    return create(name, Duration.ofHours(1));
  }

  static Authority create(String name, Duration valid) {
    KeyPair keys = keys("secp256r1");
    X509Certificate certificate = sign("CN=" + name, keys, "CN=" + name, keys, true, new Leaf().valid(valid).usages());
    return new Authority(certificate, keys, List.of());
  }

  Authority sub(String name) {
    KeyPair keys = keys("secp256r1");
    X509Certificate sub = sign("CN=" + name, keys, subject(), this.keys, true, new Leaf().usages());
    return new Authority(sub, keys, List.of(sub));
  }

  String pem() {
    return pem(certificate);
  }

  Issued issue(String... names) {
    return issue(new Leaf(names));
  }

  Issued issue(Leaf leaf) {
    return issue(leaf, "secp256r1");
  }

  Issued issue(Leaf leaf, String kind) {
    KeyPair keys = keys(kind);
    List<X509Certificate> all = new ArrayList<>(chain);
    all.add(0, sign(leaf.commonName.isEmpty() ? "" : "CN=" + leaf.commonName, keys, subject(), this.keys, false, leaf));
    return new Issued(all, keys);
  }

  /** Writes a new certificate with its key, and this authority, into a folder. */
  Files write(Path folder, String... names) {
    return write(folder, issue(names), pem());
  }

  static Files write(Path folder, Issued issued, String authorities) {
    try {
      java.nio.file.Files.createDirectories(folder);
      Files files = new Files(folder.resolve("tls.pem"), folder.resolve("tls.key"), folder.resolve("ca.pem"));
      java.nio.file.Files.writeString(files.cert(), issued.certPem());
      java.nio.file.Files.writeString(files.key(), issued.keyPem());
      java.nio.file.Files.writeString(files.ca(), authorities);
      return files;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private String subject() {
    return certificate.getSubjectX500Principal().getName();
  }

  static KeyPair keys(String kind) {
    try {
      boolean curve = kind.startsWith("secp");
      KeyPairGenerator generator = KeyPairGenerator.getInstance(curve ? "EC" : kind);
      if (curve) {
        generator.initialize(new ECGenParameterSpec(kind));
      } else if (kind.equals("RSA")) {
        generator.initialize(1024); // only read: a real one takes seconds to make
      }
      return generator.generateKeyPair();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  static String pem(Object... objects) {
    StringWriter text = new StringWriter();
    try (JcaPEMWriter out = new JcaPEMWriter(text)) {
      for (Object object : objects) {
        out.writeObject(object);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return text.toString();
  }

  private static X509Certificate sign(String subject, KeyPair keys, String issuer, KeyPair by, boolean authority, Leaf leaf) {
    Instant now = Instant.now();
    X509v3CertificateBuilder builder = new JcaX509v3CertificateBuilder(
        new X500Name(issuer), new BigInteger(64, new SecureRandom()), Date.from(now.minus(Duration.ofHours(2))),
        Date.from(now.plus(leaf.valid)), new X500Name(subject), keys.getPublic());
    try {
      builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(authority));
      if (leaf.names.length > 0) {
        GeneralName[] names = Arrays.stream(leaf.names).map(Authority::general).toArray(GeneralName[]::new);
        builder.addExtension(Extension.subjectAlternativeName, subject.isEmpty(), new GeneralNames(names));
      }
      if (leaf.usages.length > 0) {
        builder.addExtension(Extension.extendedKeyUsage, false, new ExtendedKeyUsage(leaf.usages));
      }
      return new JcaX509CertificateConverter()
          .getCertificate(builder.build(new JcaContentSignerBuilder("SHA256withECDSA").build(by.getPrivate())));
    } catch (IOException | CertificateException | OperatorCreationException e) {
      throw new IllegalStateException(e);
    }
  }

  private static GeneralName general(String name) {
    String value = name.substring(name.indexOf(':') + 1);
    return new GeneralName(switch (name.substring(0, name.indexOf(':'))) {
      case "dns" -> GeneralName.dNSName;
      case "uri" -> GeneralName.uniformResourceIdentifier;
      case "email" -> GeneralName.rfc822Name;
      default -> GeneralName.iPAddress;
    }, value);
  }
}
