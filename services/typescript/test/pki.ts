import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Files } from "@intentgate/service";

/** What a certificate is to be. */
export interface Leaf {
  /** Names as `dns:…` and `uri:…`. */
  readonly names: readonly string[];
  readonly commonName?: string;
  readonly expired?: boolean;
  /** Its extended key usages; default: both. */
  readonly usages?: string;
  /** Whether its key is one that nobody takes any more. */
  readonly weak?: boolean;
}

/** A certificate and its key, as PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** An authority that lives as long as a test. */
export class Authority {
  readonly pem: string;
  readonly #folder: string;
  #issued = 0;

  constructor(t: TestContext) {
    this.#folder = temporary(t);
    const subject = ["-subj", "/CN=test authority", "-addext", "keyUsage=critical,keyCertSign"];
    this.#openssl("req", "-x509", ...newKey, "-keyout", "ca.key", "-out", "ca.pem", "-days", "1", ...subject);
    this.pem = this.#read("ca.pem");
  }

  issue({ names, commonName = "", expired = false, usages = "clientAuth,serverAuth", weak = false }: Leaf): Pair {
    const name = String(this.#issued++);
    const key = weak ? ["-newkey", "rsa:512", "-nodes"] : newKey;
    this.#openssl("req", "-new", ...key, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${commonName}`);
    const san = names.map((one) => one.replace(/^dns:/, "DNS:").replace(/^uri:/, "URI:"));
    const extensions = [`extendedKeyUsage=${usages}`, ...(san.length > 0 ? [`subjectAltName=${san.join()}`] : [])];
    writeFileSync(join(this.#folder, `${name}.ext`), extensions.join("\n"));
    const from = [
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      "ca.pem",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-extfile",
      `${name}.ext`,
    ];
    this.#openssl("x509", ...from, "-out", `${name}.pem`, "-days", expired ? "-1" : "1");
    return { cert: this.#read(`${name}.pem`), key: this.#read(`${name}.key`) };
  }

  /** Issues a certificate of names into files of a folder. */
  files(folder: string, ...names: string[]): Files {
    return write(folder, this.issue({ names }), this.pem);
  }

  #openssl(...args: string[]): void {
    execFileSync("openssl", args, { cwd: this.#folder, stdio: ["ignore", "ignore", "pipe"] });
  }

  #read(name: string): string {
    return readFileSync(join(this.#folder, name), "utf8");
  }
}

/** Writes files by renames, as they are to be replaced. */
export function write(folder: string, { cert, key }: Pair, ca: string): Files {
  mkdirSync(folder, { recursive: true });
  return {
    cert: put(join(folder, "cert.pem"), cert),
    key: put(join(folder, "key.pem"), key),
    ca: put(join(folder, "ca.pem"), ca),
  };
}

/** Replaces a file by a rename. */
export function put(path: string, text: string): string {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
  return path;
}

/** Returns a folder that is gone when the test is over. */
export function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "intentgate-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
