import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readBytes } from "./file.js";

/** Far above any bundle of certificates: keeps a file that is something else out of the memory. */
const maxFile = 4 << 20;

const block = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;

interface Block {
  readonly type: string;
  readonly text: string;
}

/** Reads a file's PEM blocks, at least one. A block that is cut off is what a reader sees of a file that is being written. */
function readBlocks(path: string): [Block, ...Block[]] {
  if (path === "") throw new Error("the path of a certificate, key or CA file is missing; name the file");
  const text = readBytes(path, maxFile).toString("latin1");
  const blocks: Block[] = [];
  for (const match of text.matchAll(block)) blocks.push({ type: match[1] ?? "", text: match[0] });
  if (text.replace(block, "").includes("-----BEGIN")) {
    throw new Error(`${path}: a PEM block is cut off or damaged; write the file anew`);
  }
  const [first, ...rest] = blocks;
  if (first === undefined) {
    throw new Error(
      text === ""
        ? `${path}: the file is empty; write a PEM file there`
        : `${path}: no PEM block in the file; it has to start with a line like -----BEGIN CERTIFICATE-----`,
    );
  }
  return [first, ...rest];
}

/** Reads the certificates of a file, at least one. A key beside them is passed over. */
function readCertificates(path: string): [X509Certificate, ...X509Certificate[]] {
  const blocks = readBlocks(path);
  const certificates = blocks
    .filter(({ type }) => type === "CERTIFICATE")
    .map(({ text }) => {
      try {
        return new X509Certificate(text);
      } catch (error) {
        throw new Error(`${path}: a PEM block is no certificate: ${(error as Error).message}`);
      }
    });
  const [first, ...rest] = certificates;
  if (first !== undefined) return [first, ...rest];
  const { type } = blocks[0];
  if (type.endsWith("PRIVATE KEY")) {
    throw new Error(`${path}: holds a private key where a certificate is wanted; are the two files swapped?`);
  }
  throw new Error(`${path}: holds a PEM block of type ${type} where CERTIFICATE is wanted`);
}

/** Reads a private key that is not encrypted. */
function readKey(path: string): KeyObject {
  const blocks = readBlocks(path);
  const key = blocks.find(({ type }) => type.endsWith("PRIVATE KEY"));
  if (key === undefined) {
    const { type } = blocks[0];
    throw new Error(
      type === "CERTIFICATE"
        ? `${path}: holds a certificate where a private key is wanted; are the two files swapped?`
        : `${path}: holds a PEM block of type ${type} where a private key is wanted`,
    );
  }
  if (key.type === "ENCRYPTED PRIVATE KEY" || key.text.includes("ENCRYPTED")) {
    throw new Error(`${path}: the key is protected by a password; store it without one, for example with openssl pkey`);
  }
  try {
    return createPrivateKey(key.text);
  } catch (error) {
    throw new Error(`${path}: the private key cannot be read: ${(error as Error).message}`);
  }
}

/** A certificate with its intermediates, and its private key, as PEM. */
export interface KeyPair {
  readonly leaf: X509Certificate;
  readonly cert: string;
  readonly key: string;
}

/** Reads a certificate and its key, which have to belong together. One that has expired is refused. */
export function readKeyPair(certPath: string, keyPath: string, now: Date): KeyPair {
  const certificates = readCertificates(certPath);
  const key = readKey(keyPath);
  const leaf = certificates[0];
  if (!leaf.checkPrivateKey(key)) {
    throw new Error(`${keyPath} is not the key of the first certificate in ${certPath}; put the two that belong together there`);
  }
  if (new Date(leaf.validTo) < now) {
    throw new Error(`${certPath}: the certificate of ${leaf.subject} has expired on ${leaf.validTo}; renew it`);
  }
  return { leaf, cert: certificates.join("\n"), key: String(key.export({ type: "pkcs8", format: "pem" })) };
}

/** Reads a file of at least one certificate, all of which have to be authorities. */
export function readRoots(path: string): readonly X509Certificate[] {
  const certificates = readCertificates(path);
  for (const certificate of certificates) {
    if (!certificate.ca) {
      throw new Error(`${path}: ${certificate.subject} is no authority; put the one there that signed it`);
    }
  }
  return certificates;
}
