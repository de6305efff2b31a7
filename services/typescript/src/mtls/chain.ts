import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";

/** Returns the chain by which the handshake accepted the peer, the peer's own certificate first. */
export function chainOf(socket: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  const seen = new Set<string>();
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && !seen.has(next.fingerprint256)) {
    seen.add(next.fingerprint256);
    chain.push(new X509Certificate(next.raw));
    next = next.issuerCertificate;
  }
  return chain;
}

/** Finds out whether a chain that was accepted once would be now. */
export function isTrusted(chain: readonly X509Certificate[], roots: readonly X509Certificate[], now: Date): boolean {
  let below: X509Certificate | undefined;
  for (const certificate of chain) {
    if (!isInDate(certificate, now)) return false;
    // A peer sends what it likes, and Node makes a chain of it by names alone.
    if (below !== undefined && !(certificate.ca && below.verify(certificate.publicKey))) return false;
    below = certificate;
    const anchored = roots.some(
      (root) =>
        root.fingerprint256 === certificate.fingerprint256 ||
        (isInDate(root, now) && certificate.checkIssued(root) && certificate.verify(root.publicKey)),
    );
    if (anchored) return true;
  }
  return false;
}

function isInDate(certificate: X509Certificate, now: Date): boolean {
  return new Date(certificate.validFrom) <= now && now <= new Date(certificate.validTo);
}
