package io.github.intentgate.service;

import java.security.interfaces.ECPublicKey;
import java.util.LinkedHashMap;
import java.util.Map;

/** The public keys of a gateway, by their IDs, as they were read last. */
class Keys {
  private final String source;
  private final Log log;
  private volatile Map<String, ECPublicKey> current = Map.of();

  Keys(String source, Log log) {
    this.source = source;
    this.log = log;
  }

  /** Replaces the keys by those of a JWK set, if it is one. */
  synchronized void set(byte[] document) throws Json.Bad {
    Map<String, ECPublicKey> old = current;
    Map<String, ECPublicKey> keys = new LinkedHashMap<>(Jwks.parse(document));
    // One that stays remains the same object, by which verdicts know it.
    keys.replaceAll((id, key) -> key.equals(old.get(id)) ? old.get(id) : key);
    if (!keys.equals(old)) {
      current = keys;
      log.info("Read the keys of callers' tokens", "source", source, "keys", keys.size());
    }
  }

  /** Tells that they cannot be read. */
  void complain(String problem) {
    log.warning("Could not read the keys of callers' tokens", "source", source, "keys", current.size(), "error", problem);
  }

  /** Returns a key, or null for one that is not known. */
  final ECPublicKey get(String id) {
    return current.get(id);
  }

  /** Returns a key, or null for one that is not known after the keys were read anew. */
  ECPublicKey find(String id) {
    return get(id); // a file is looked at every second
  }
}
