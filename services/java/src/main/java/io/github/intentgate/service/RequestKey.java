package io.github.intentgate.service;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.List;

/**
 * All that makes a call the same call when it is tried again. It holds no certificate and no token: they may be renewed between two
 * tries.
 *
 * @param platform ES or CX
 * @param projectId the project
 * @param agent CX: the agent's id
 * @param environment the environment
 * @param session the full session name
 * @param turnId Dialogflow's id of the turn, perhaps empty; null leaves it out
 * @param page CX: the full page name
 * @param formValues the parameters of a CX form in its order
 * @param event the event
 * @param method the full method, such as {@code /intentgate.v1.IntentService/Fulfill}
 * @param request the request message, marshalled deterministically, with Turn.id and webhook_json cleared
 */
public record RequestKey(String platform, String projectId, String agent, String environment, String session, String turnId,
    String page, List<FormValue> formValues, String event, String method, byte[] request) {

  /**
   * A parameter of a CX form.
   *
   * @param name its name
   * @param json its value as it was written; empty if there is none
   */
  public record FormValue(String name, String json) {}

  /**
   * Returns the idempotency key: {@code 1.} and the SHA-256 in base64url without padding. What is hashed are the fields in their
   * order, each as its length in bytes, 8 bytes big-endian, and its bytes; the form values are one field of such parts.
   */
  public String requestId() {
    ByteArrayOutputStream form = new ByteArrayOutputStream();
    for (FormValue value : formValues) {
      part(form, value.name());
      part(form, value.json());
    }
    ByteArrayOutputStream hashed = new ByteArrayOutputStream();
    for (String text : List.of(platform, projectId, agent, environment, session)) {
      part(hashed, text);
    }
    if (turnId == null) {
      length(hashed, -1); // the length of none
    } else {
      part(hashed, turnId);
    }
    part(hashed, page);
    part(hashed, form.toByteArray());
    part(hashed, event);
    part(hashed, method);
    part(hashed, request);
    try {
      byte[] sum = MessageDigest.getInstance("SHA-256").digest(hashed.toByteArray());
      return "1." + Base64.getUrlEncoder().withoutPadding().encodeToString(sum);
    } catch (NoSuchAlgorithmException e) { // every Java has it
      throw new IllegalStateException(e);
    }
  }

  private static void part(ByteArrayOutputStream out, String text) {
    part(out, text.getBytes(StandardCharsets.UTF_8));
  }

  private static void part(ByteArrayOutputStream out, byte[] bytes) {
    length(out, bytes.length);
    out.writeBytes(bytes);
  }

  private static void length(ByteArrayOutputStream out, long length) {
    out.writeBytes(ByteBuffer.allocate(Long.BYTES).putLong(length).array());
  }
}
