import { readFileSync, statSync } from "node:fs";

/** Reads a file of at most `limit` bytes: one that is something else stays out of the memory. */
export function readBytes(path: string, limit: number): Buffer {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw new Error("is a folder; name a file in it");
    if (!stat.isFile()) throw new Error("is no ordinary file; name one");
    if (stat.size > limit) throw new Error(`more than ${limit} bytes are too many; is it the right file?`);
    return readFileSync(path);
  } catch (error) {
    throw new Error(`${path}: ${remedy(error)}`);
  }
}

function remedy(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case "ENOENT":
    case "ENOTDIR":
      return "no such file; check the path";
    case "EACCES":
      return "permission denied; let this process's user read the file and enter its folder";
    default:
      return (error as Error).message;
  }
}
