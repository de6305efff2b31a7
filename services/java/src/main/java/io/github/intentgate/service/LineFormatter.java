package io.github.intentgate.service;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;
import java.util.logging.Formatter;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.regex.Pattern;

/** Writes a record of java.util.logging, of this library or of anybody else's, as one line of text (logfmt) or of JSON. */
public final class LineFormatter extends Formatter {
  private static final Pattern PLAIN = Pattern.compile("[^\\s\"=\\p{Cntrl}]+");
  private static final DateTimeFormatter TIME = new DateTimeFormatterBuilder().appendInstant(3).toFormatter(Locale.ROOT);

  private final boolean json;

  /** Writes JSON, or text. */
  public LineFormatter(boolean json) {
    this.json = json;
  }

  @Override
  public String format(LogRecord line) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("time", TIME.format(line.getInstant()));
    fields.put("level", level(line.getLevel()));
    if (line.getParameters() != null && line.getParameters().length == 1 && line.getParameters()[0] instanceof Log.Fields data) {
      fields.put("msg", Log.Fields.message(line.getMessage()));
      fields.putAll(data);
    } else {
      fields.put("msg", formatMessage(line));
      fields.put("logger", String.valueOf(line.getLoggerName()));
    }
    if (line.getThrown() != null) {
      StringWriter stack = new StringWriter();
      line.getThrown().printStackTrace(new PrintWriter(stack));
      fields.put("stack", stack.toString());
    }
    return (json ? json(fields) : text(fields)) + "\n";
  }

  private static String level(Level level) {
    if (level.intValue() >= Level.SEVERE.intValue()) {
      return "ERROR";
    } else if (level.intValue() >= Level.WARNING.intValue()) {
      return "WARN";
    }
    return level.intValue() >= Level.INFO.intValue() ? "INFO" : "DEBUG";
  }

  /** Returns fields as logfmt. */
  static String text(Map<String, Object> fields) {
    StringJoiner line = new StringJoiner(" ");
    flatten(fields, "", line);
    return line.toString();
  }

  private static void flatten(Map<?, ?> fields, String prefix, StringJoiner line) {
    fields.forEach((key, value) -> {
      if (value instanceof Map<?, ?> group) {
        flatten(group, prefix + key + ".", line);
        return;
      }
      String text = String.valueOf(value);
      if (value instanceof Collection<?> list) {
        text = String.join(" ", list.stream().map(String::valueOf).toList());
        text = "[" + text + "]";
      } else if (value instanceof Duration duration) {
        text = text(duration);
      }
      line.add(prefix + key + "=" + (PLAIN.matcher(text).matches() ? text : quoted(text)));
    });
  }

  /** Returns a time in the largest unit that it fills. */
  private static String text(Duration duration) {
    long nanos = duration.toNanos();
    if (nanos < 1_000) {
      return nanos + "ns";
    } else if (nanos < 1_000_000) {
      return nanos / 1e3 + "µs";
    }
    return nanos < 1_000_000_000 ? nanos / 1_000 / 1e3 + "ms" : nanos / 1_000_000 / 1e3 + "s";
  }

  private static String json(Object value) {
    if (value instanceof Map<?, ?> group) {
      StringJoiner members = new StringJoiner(",", "{", "}");
      group.forEach((key, member) -> members.add(quoted(String.valueOf(key)) + ":" + json(member)));
      return members.toString();
    } else if (value instanceof Collection<?> list) {
      StringJoiner elements = new StringJoiner(",", "[", "]");
      list.forEach(element -> elements.add(json(element)));
      return elements.toString();
    } else if (value instanceof Duration duration) {
      return String.valueOf(duration.toNanos());
    } else if (value instanceof Integer || value instanceof Long || value instanceof Boolean || value == null) {
      return String.valueOf(value);
    }
    return quoted(value.toString());
  }

  private static String quoted(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    text.codePoints().forEach(c -> {
      if (c == '"' || c == '\\') {
        quoted.append('\\').append((char) c);
      } else if (c == '\n') {
        quoted.append("\\n");
      } else if (c < 0x20 || c == 0x7f || c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) { // half a character
        quoted.append(String.format("\\u%04x", c));
      } else {
        quoted.appendCodePoint(c);
      }
    });
    return quoted.append('"').toString();
  }
}
