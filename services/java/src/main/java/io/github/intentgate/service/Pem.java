package io.github.intentgate.service;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.InvalidKeyException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads PEM files. What is wrong with one is told with what to do about it. */
final class Pem {
  private static final int MAX_FILE = 4 << 20; // far above any bundle of certificates

  private static final Pattern BLOCK =
      Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----\\s([A-Za-z0-9+/=\\s]*)-----END \\1-----");

  private Pem() {}

  /** A file that is no good. */
  @SuppressWarnings("serial") // nobody writes it anywhere
  static final class BadFile extends Exception {
    BadFile(Path file, String problem) {
      super(file + ": " + problem);
    }
  }

  static byte[] read(Path file) throws BadFile {
    try (InputStream in = java.nio.file.Files.newInputStream(file)) {
      byte[] content = in.readNBytes(MAX_FILE + 1);
      if (content.length > MAX_FILE) {
        throw new BadFile(file, "more than " + MAX_FILE + " bytes are too many for a PEM file; is it the right one?");
      }
      return content;
    } catch (NoSuchFileException e) {
      throw new BadFile(file, "there is no such file; check the path");
    } catch (AccessDeniedException e) {
      throw new BadFile(file, "permission denied; let this process's user read the file");
    } catch (IOException e) {
      throw new BadFile(file, "cannot be read: " + e.getMessage());
    }
  }

  /** Returns the certificates of a file, at least one. */
  static List<X509Certificate> certificates(Path file, byte[] content) throws BadFile {
    String pem = text(file, content);
    List<X509Certificate> certificates = new ArrayList<>();
    Matcher block = BLOCK.matcher(pem);
    while (block.find()) {
      if (!block.group(1).equals("CERTIFICATE")) {
        continue;
      }
      try {
        byte[] der = decode(file, block.group(2));
        certificates.add((X509Certificate) CertificateFactory.getInstance("X.509")
            .generateCertificate(new ByteArrayInputStream(der)));
      } catch (CertificateException e) {
        throw new BadFile(file, "certificate " + (certificates.size() + 1) + " is none: " + e.getMessage());
      }
    }
    if (certificates.isEmpty()) {
      throw new BadFile(file, pem.contains("PRIVATE KEY-----")
          ? "holds a private key where a certificate is wanted; are the two files swapped?"
          : "no PEM certificate in the file; it has to hold a line -----BEGIN CERTIFICATE-----");
    }
    return certificates;
  }

  /** Returns the private key of a file, which has to be that of a certificate. */
  static PrivateKey key(Path file, byte[] content, Path certificateFile, PublicKey of) throws BadFile {
    String pem = text(file, content);
    Matcher block = BLOCK.matcher(pem);
    while (block.find()) {
      String kind = block.group(1);
      if (kind.equals("ENCRYPTED PRIVATE KEY")) {
        throw encrypted(file);
      } else if (!kind.endsWith("PRIVATE KEY")) {
        continue;
      }
      byte[] der = decode(file, block.group(2));
      try {
        PrivateKey key = KeyFactory.getInstance(of.getAlgorithm())
            .generatePrivate(new PKCS8EncodedKeySpec(kind.equals("PRIVATE KEY") ? der : pkcs8(der, of)));
        if (belong(key, of)) {
          return key;
        }
      } catch (GeneralSecurityException e) {
        // Of another kind than the certificate's, most likely.
      }
      throw new BadFile(
          file, "is not the key of the first certificate in " + certificateFile + "; put the two that belong together there");
    }
    if (pem.contains("Proc-Type: 4,ENCRYPTED")) {
      throw encrypted(file);
    }
    throw new BadFile(file, pem.contains("-----BEGIN CERTIFICATE-----")
        ? "holds a certificate where a private key is wanted; are the two files swapped?"
        : "no PEM private key in the file");
  }

  private static BadFile encrypted(Path file) {
    return new BadFile(file, "the key is protected by a password; store it without one, for example with openssl pkey");
  }

  /** Returns a file as text. One that is being written in place ends within a block. */
  private static String text(Path file, byte[] content) throws BadFile {
    String pem = new String(content, StandardCharsets.ISO_8859_1);
    if (pem.split("-----BEGIN ", -1).length != pem.split("-----END ", -1).length) {
      throw new BadFile(file, "a PEM block is cut off; write the file anew");
    }
    return pem;
  }

  private static byte[] decode(Path file, String base64) throws BadFile {
    try {
      return Base64.getMimeDecoder().decode(base64);
    } catch (IllegalArgumentException e) {
      throw new BadFile(file, "a PEM block is damaged: " + e.getMessage());
    }
  }

  /** Wraps a key of OpenSSL's older forms, PKCS #1 and SEC 1, which Java does not read, with the algorithm of its certificate. */
  private static byte[] pkcs8(byte[] key, PublicKey of) {
    byte[] info = of.getEncoded(); // SEQUENCE {algorithm, BIT STRING}
    int start = 2 + ((info[1] & 0x80) == 0 ? 0 : info[1] & 0x7f);
    int end = start + 2 + info[start + 1]; // algorithms are short
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    body.writeBytes(new byte[] {2, 1, 0}); // the version
    body.write(info, start, end - start);
    body.writeBytes(der(4, key));
    return der(0x30, body.toByteArray());
  }

  private static byte[] der(int tag, byte[] content) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(tag);
    if (content.length > 0xff) { // a length is written as short as it can be, or Java takes it for damaged
      out.writeBytes(new byte[] {(byte) 0x82, (byte) (content.length >> 8)});
    } else if (content.length > 0x7f) {
      out.write(0x81);
    }
    out.write(content.length);
    out.writeBytes(content);
    return out.toByteArray();
  }

  private static boolean belong(PrivateKey key, PublicKey of) throws GeneralSecurityException {
    String algorithm = switch (of.getAlgorithm()) {
      case "RSA" -> "SHA256withRSA";
      case "EC" -> "SHA256withECDSA";
      case "EdDSA" -> "EdDSA";
      default -> throw new InvalidKeyException("unknown kind of key: " + of.getAlgorithm());
    };
    Signature signature = Signature.getInstance(algorithm);
    signature.initSign(key);
    signature.update((byte) 0);
    byte[] signed = signature.sign();
    signature.initVerify(of);
    signature.update((byte) 0);
    return signature.verify(signed);
  }
}
