import type { X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { Log } from "../log.js";
import { type KeyPair, readKeyPair, readRoots } from "./pem.js";
import { watchFiles } from "./watch.js";

/** The PEM files of one end of a connection. Each may be replaced at any time, best by a rename. */
export interface Files {
  /** The own certificate, its intermediates after it. */
  readonly cert: string;
  /** The certificate's private key, not encrypted. */
  readonly key: string;
  /** The authorities whose certificates are accepted from peers. */
  readonly ca: string;
}

/**
 * One end of a connection: what it shows and whom it believes. Opening one throws where a file is missing or wrong; once open it
 * always has something valid, since a bad new file is logged and changes nothing.
 */
export class Identity {
  #pair: KeyPair;
  #roots: readonly X509Certificate[];
  readonly #listeners = new Set<() => void>();

  constructor(
    readonly files: Files,
    private readonly log: Log,
    private readonly now: () => Date = () => new Date(),
  ) {
    const problems: Error[] = [];
    const attempt = <T>(read: () => T): T | undefined => {
      try {
        return read();
      } catch (error) {
        problems.push(error as Error);
        return undefined;
      }
    };
    const pair = attempt(() => this.#readPair());
    const roots = attempt(() => readRoots(files.ca));
    if (pair === undefined || roots === undefined) throw new Error(problems.map(({ message }) => message).join("\n"));
    this.#pair = pair;
    this.#roots = roots;
  }

  #readPair(): KeyPair {
    const { cert, key } = this.files;
    const pair = readKeyPair(cert, key, this.now());
    try {
      createSecureContext({ cert: pair.cert, key: pair.key });
    } catch (error) {
      throw new Error(
        `${cert} and ${key}: TLS does not take them: ${(error as Error).message}; issue a certificate of a stronger key`,
      );
    }
    if (new Date(pair.leaf.validFrom) > this.now()) {
      this.log("warn", "Certificate is not valid yet, peers will refuse it", {
        file: cert,
        subject: pair.leaf.subject,
        not_before: pair.leaf.validFrom,
      });
    }
    return pair;
  }

  /** The authorities that are accepted now. */
  get roots(): readonly X509Certificate[] {
    return this.#roots;
  }

  /** The options of a TLS context made of the files that are current now: TLS 1.3, and no authority but those of the file. */
  contextOptions(): SecureContextOptions {
    return {
      cert: this.#pair.cert,
      key: this.#pair.key,
      ca: this.#roots.map(String),
      minVersion: "TLSv1.3",
      // An authority of the file is one, whoever signed it.
      allowPartialTrustChain: true,
    };
  }

  /** Reads the files now, and tells whether what is in force has changed, and what is wrong with new files: perhaps both. */
  reload(): { readonly changed: boolean; readonly problem: string } {
    const problems: string[] = [];
    let changed = false;
    try {
      const pair = this.#readPair();
      changed = pair.cert !== this.#pair.cert; // it is the key of this certificate, so it is the same one too
      this.#pair = pair;
    } catch (error) {
      problems.push((error as Error).message);
    }
    try {
      const roots = readRoots(this.files.ca);
      if (roots.join() !== this.#roots.join()) {
        this.#roots = roots;
        changed = true;
      }
    } catch (error) {
      problems.push((error as Error).message);
    }
    if (changed) for (const listener of this.#listeners) listener();
    return { changed, problem: problems.join("\n") };
  }

  /** Calls the listener when other files are in force. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Reloads when something changes in the folders of the files, and calls `looked` each time, until the result is called. */
  watch(looked: () => void = () => {}): () => void {
    const files = Object.values(this.files) as string[];
    let fault = ""; // a folder sees many events: one fault is logged once
    return watchFiles(files, this.log, () => {
      const { changed, problem } = this.reload();
      if (changed) this.log("info", "Files reloaded", { files });
      if (problem === "" && fault !== "" && !changed) this.log("info", "Files are good again", { files });
      if (problem !== "" && problem !== fault) {
        this.log("warn", "Kept what is in force because the new files are no good", { files, error: problem });
      }
      fault = problem;
      looked();
    });
  }
}
