package io.github.intentgate.service;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.logging.ErrorManager;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** Writes lines about one service: a constant message, capitalised, and data. */
final class Log {
  private final Logger logger;
  private final String service;
  private final ErrorManager broken = new ErrorManager(); // tells stderr, once

  Log(Logger logger, String service) {
    this.logger = logger;
    this.service = service;
  }

  /** Writes of business; keys and values take turns. */
  void info(String message, Object... data) {
    write(Level.INFO, message, fields(data), null);
  }

  /** Writes of something to look at. */
  void warning(String message, Object... data) {
    write(Level.WARNING, message, fields(data), null);
  }

  /** Writes a line; the stack of an error goes along, if there is one. */
  void write(Level level, String message, Map<String, Object> data, Throwable error) {
    if (!logger.isLoggable(level)) {
      return;
    }
    Fields fields = new Fields();
    fields.put("service", service);
    fields.putAll(data);
    // Whatever formats or bridges the record writes the data behind the message. LineFormatter knows better.
    LogRecord line = new LogRecord(level, Fields.pattern(message));
    line.setLoggerName(logger.getName());
    line.setParameters(new Object[] {fields});
    line.setThrown(error);
    try {
      logger.log(line);
    } catch (RuntimeException e) { // of somebody's handler; nothing else fails because of it
      broken.error("a line of the log is lost", e, ErrorManager.GENERIC_FAILURE);
    }
  }

  private static Map<String, Object> fields(Object... data) {
    Map<String, Object> fields = new LinkedHashMap<>();
    for (int i = 0; i < data.length; i += 2) {
      fields.put((String) data[i], data[i + 1]);
    }
    return fields;
  }

  /** The data of a line: strings, numbers, durations, lists of strings, and groups of these. */
  static final class Fields extends LinkedHashMap<String, Object> {
    private static final long serialVersionUID = 1;
    private static final String PLACE = " {0}";

    /** Returns a message as MessageFormat reads it, where an apostrophe alone would quote the data. */
    static String pattern(String message) {
      return message.replace("'", "''") + PLACE;
    }

    /** Returns the message of a pattern. */
    static String message(String pattern) {
      return pattern.substring(0, pattern.length() - PLACE.length()).replace("''", "'");
    }

    @Override
    public String toString() {
      return LineFormatter.text(this);
    }
  }
}
