import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";

/** Says what is wrong with a server's certificate where it is not for the host. The common name is never looked at. */
export function wrongName(host: string, certificate: X509Certificate): Error | undefined {
  const matched = isIP(host) === 0 ? certificate.checkHost(host, { subject: "never" }) : certificate.checkIP(host);
  if (matched !== undefined) return undefined;
  return new Error(`the service's certificate is for ${certificate.subjectAltName ?? "nobody"}, not for ${host}`);
}
