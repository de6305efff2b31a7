import { type FSWatcher, watch } from "node:fs";
import { dirname } from "node:path";
import type { Log } from "../log.js";

/** How long after the first event of a burst the files are read: swapping a certificate and its key is several events. */
const settle = 100;

/** How often they are read without an event: a folder that is replaced as a whole, or lies on another machine, causes none. */
const again = 60_000;

/**
 * Calls `read` at once, when something changes in a folder of the files, and every minute, until the function is called that it
 * returns. It throws where a folder cannot be watched.
 *
 * The folders are watched and not the files, because files are replaced by renames, and in Kubernetes not even they change but
 * `..data`, a link beside them.
 */
export function watchFiles(files: readonly string[], log: Log, read: () => void): () => void {
  const folders = [...new Set(files.map(dirname))];
  let watchers: FSWatcher[] = [];
  let settled: NodeJS.Timeout | undefined;

  const soon = () => {
    settled ??= setTimeout(() => {
      settled = undefined;
      read();
    }, settle).unref();
  };
  const close = () => {
    for (const watcher of watchers) watcher.close();
    watchers = [];
  };
  const open = () => {
    close();
    for (const folder of folders) {
      const watcher = watch(folder, { persistent: false }, soon);
      watcher.on("error", (error) => log("warn", "Watching files failed, reading them every minute", { folder, error }));
      watchers.push(watcher);
    }
  };

  open();
  const timer = setInterval(() => {
    try {
      open(); // the path may lead to another folder by now
    } catch (error) {
      log("warn", "Watching files failed, reading them every minute", { error });
    }
    read();
  }, again).unref();
  read(); // what changed before the watch began has caused no event
  return () => {
    clearInterval(timer);
    clearTimeout(settled);
    close();
  };
}
