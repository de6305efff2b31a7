package io.github.intentgate.service;

import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.StringReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads JSON as RFC 8259 has it, and no wider: in UTF-8, each name of an object once. Values are maps, lists, strings, booleans, null, and
 * numbers as they were written.
 */
final class Json {
  private Json() {}

  /** It is not the JSON that is wanted. */
  @SuppressWarnings("serial") // nobody writes it anywhere
  static final class Bad extends Exception {
    Bad(String problem) {
      super(problem, null, false, false);
    }
  }

  /** A number, which nobody has rounded. */
  record Number(String text) {}

  /** Returns the object that a document is. */
  static Map<String, Object> object(byte[] document) throws Bad {
    return object("the document", read(document));
  }

  /** Returns a value that has to be an object. */
  static Map<String, Object> object(String name, Object value) throws Bad {
    if (!(value instanceof Map<?, ?> map)) {
      throw new Bad(name + " is no JSON object");
    }
    Map<String, Object> members = new LinkedHashMap<>();
    map.forEach((member, each) -> members.put((String) member, each));
    return members;
  }

  /** Returns a value that has to be a list of strings. */
  static List<String> strings(String name, Object value) throws Bad {
    List<String> texts = new ArrayList<>();
    for (Object each : value instanceof List<?> list ? list : List.of(false)) {
      if (!(each instanceof String text)) {
        throw new Bad(name + " is no list of strings");
      }
      texts.add(text);
    }
    return texts;
  }

  /** Returns a member that is a string; where there is none, or null, an empty one. */
  static String string(Map<String, Object> object, String name) throws Bad {
    Object value = object.get(name);
    if (value != null && !(value instanceof String)) {
      throw new Bad(name + " is no string");
    }
    return value == null ? "" : (String) value;
  }

  /** Returns a member that is a whole number, written as one; 0 where there is none, or null. */
  static long whole(Map<String, Object> object, String name) throws Bad {
    Object value = object.get(name);
    if (value == null) {
      return 0;
    } else if (value instanceof Number number && number.text().matches("-?[0-9]{1,18}")) {
      return Long.parseLong(number.text());
    }
    throw new Bad(name + " is no whole number");
  }

  private static Object read(byte[] document) throws Bad {
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(document)).toString();
      if (text.startsWith("\ufeff")) { // which the reader would pass over
        throw new Bad("a byte order mark");
      }
      JsonReader reader = new JsonReader(new StringReader(text));
      reader.setStrictness(Strictness.STRICT);
      Object value = value(reader);
      if (reader.peek() != JsonToken.END_DOCUMENT) {
        throw new Bad("something follows the JSON");
      }
      return value;
    } catch (IOException | IllegalStateException e) {
      throw new Bad("no JSON: " + e.getMessage());
    }
  }

  /** Reads a value. The reader bounds how deep they are nested. */
  private static Object value(JsonReader reader) throws IOException, Bad {
    switch (reader.peek()) {
      case BEGIN_OBJECT -> {
        Map<String, Object> members = new LinkedHashMap<>();
        reader.beginObject();
        while (reader.hasNext()) {
          String name = whole(reader.nextName());
          if (members.containsKey(name)) {
            throw new Bad("\"" + name + "\" twice");
          }
          members.put(name, value(reader));
        }
        reader.endObject();
        return members;
      }
      case BEGIN_ARRAY -> {
        List<Object> elements = new ArrayList<>();
        reader.beginArray();
        while (reader.hasNext()) {
          elements.add(value(reader));
        }
        reader.endArray();
        return elements;
      }
      case NUMBER -> {
        return new Number(reader.nextString());
      }
      case BOOLEAN -> {
        return reader.nextBoolean();
      }
      case NULL -> {
        reader.nextNull();
        return null;
      }
      default -> {
        return whole(reader.nextString());
      }
    }
  }

  /** Refuses half a character, which two readers may take for different texts. */
  private static String whole(String text) throws Bad {
    if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
      throw new Bad("half a character");
    }
    return text;
  }
}
