package io.github.intentgate.service;

import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Files that are used together, and read again when they change. A bad new one is logged and changes nothing, so that once they were read
 * there is always something valid to work with.
 */
final class Watched {
  private final List<Path> files;
  private final Log log;
  private final Use use;
  private List<byte[]> current = List.of();
  private String fault;

  /** Takes the contents of files into use, all or nothing. */
  interface Use {
    void of(List<byte[]> contents) throws Pem.BadFile, GeneralSecurityException;
  }

  Watched(List<Path> files, Log log, Use use) {
    this.files = files;
    this.log = log;
    this.use = use;
  }

  /** Reads the files, and tells whether what is in force is new. */
  synchronized boolean read() throws Pem.BadFile {
    List<byte[]> contents = new ArrayList<>();
    for (Path file : files) {
      contents.add(Pem.read(file));
    }
    if (Arrays.deepEquals(contents.toArray(), current.toArray())) {
      return false;
    }
    try {
      use.of(contents);
    } catch (GeneralSecurityException e) {
      throw new Pem.BadFile(files.get(0), "cannot be used: " + e.getMessage());
    }
    current = contents;
    return true;
  }

  /** Reads the files now. What is wrong with them is logged, once. */
  synchronized void reload() {
    try {
      boolean changed = read();
      if (changed) {
        log.info("Files reloaded", "files", files);
      } else if (fault != null) {
        log.info("Files are good again", "files", files);
      }
      fault = null;
    } catch (Pem.BadFile e) {
      if (!e.getMessage().equals(fault)) {
        log.warning("Kept what is in force because the new files are no good", "files", files, "error", e.getMessage());
      }
      fault = e.getMessage();
    }
  }
}
