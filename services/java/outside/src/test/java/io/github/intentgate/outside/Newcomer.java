package io.github.intentgate.outside;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Assumptions;

/** A folder outside the checkout, in which somebody does what a README says. */
final class Newcomer {
  /** For a JVM that does not run long. */
  static final String QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC";
  static final Path CHECKOUT = Path.of(System.getProperty("checkout")).toAbsolutePath().normalize();
  private static final int LIMIT_SECONDS = 240;
  private static final Pattern FIELD = Pattern.compile("(\\S+?)=(\"[^\"]*\"|\\S+)");

  private final Path folder;
  private final String readme;
  private final Map<String, String> environment = new HashMap<>();

  Newcomer(Path folder, Path readme) throws IOException {
    this.folder = folder;
    this.readme = Files.readString(readme);
    environment.put("CHECKOUT", CHECKOUT.toString());
    environment.put("PATH", CHECKOUT.resolve("bin") + ":" + System.getenv("PATH"));
  }

  /** Skips a test for which the gateway was not built, since there is no Go here. In continuous integration nothing is skipped. */
  static void needsTheGateway() {
    Assumptions.assumeTrue(System.getenv("CI") != null || Files.exists(CHECKOUT.resolve("bin/intentgate")), "make test-java builds it");
  }

  Path folder() {
    return folder;
  }

  void set(String variable, String value) {
    environment.put(variable, value);
  }

  /** Returns the one block of the README, in a language, that holds some text. */
  String block(String language, String holding) {
    Matcher block = Pattern.compile("^```" + language + "\\n(.*?)^```", Pattern.MULTILINE | Pattern.DOTALL).matcher(readme);
    List<String> found = new ArrayList<>();
    while (block.find()) {
      if (block.group(1).contains(holding)) {
        found.add(block.group(1));
      }
    }
    assertEquals(1, found.size(), "blocks of " + language + " that hold " + holding);
    return found.get(0);
  }

  /** Writes a block into the file that its first line names. */
  void write(String language, String holding, Map<String, String> changes) throws IOException {
    String text = block(language, holding);
    String name = text.lines().findFirst().orElseThrow().replaceAll("^(//|#|<!--) | -->$", "");
    for (Map.Entry<String, String> change : changes.entrySet()) {
      text = text.replace(change.getKey(), change.getValue());
    }
    Files.createDirectories(folder.resolve(name).getParent());
    Files.writeString(folder.resolve(name), text);
  }

  private Process bash(String command, boolean both) throws IOException {
    ProcessBuilder builder = new ProcessBuilder("/bin/bash", "-euc", command).directory(folder.toFile()).redirectErrorStream(both);
    builder.environment().remove("MAVEN_CMD_LINE_ARGS");
    builder.environment().putAll(environment);
    Process process = builder.start();
    // Whoever reads what it says waits no longer than this.
    process.onExit().orTimeout(LIMIT_SECONDS, TimeUnit.SECONDS).exceptionally(tooLong -> {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.toHandle().destroyForcibly();
      return process;
    });
    return process;
  }

  /** Runs commands, and returns what they say. */
  String run(String command) throws Exception {
    Process process = bash(command, true);
    String told = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), command + "\n" + told);
    return told;
  }

  /** Starts a server, up to where its log has all messages. */
  Running start(String command, String... messages) throws IOException {
    return new Running(bash("exec " + command, false), Set.of(messages));
  }

  /** A server. */
  static final class Running implements AutoCloseable {
    private final Process process;
    private final StringBuilder told = new StringBuilder();
    private final Map<String, String> fields = new HashMap<>();
    private final Thread reading;

    Running(Process process, Set<String> messages) throws IOException {
      this.process = process;
      Set<String> awaited = new HashSet<>(messages);
      BufferedReader log = process.errorReader();
      while (!awaited.isEmpty()) {
        String line = log.readLine();
        if (line == null) {
          throw new AssertionError("it ended without " + awaited + ":\n" + told);
        }
        told.append(line).append('\n');
        Matcher field = FIELD.matcher(line);
        while (field.find()) {
          fields.put(field.group(1), field.group(2));
        }
        awaited.removeIf(line::contains);
      }
      reading = new Thread(() -> log.lines().forEach(line -> told.append(line).append('\n')));
      reading.start();
    }

    /** Returns a field of its log so far. */
    String field(String name) {
      return fields.get(name);
    }

    /** Ends it, and makes sure that it ends well. */
    @Override
    public void close() {
      process.toHandle().destroy(); // that of the process itself closes the log, and who writes to it then ends badly
      int status = process.onExit().join().exitValue();
      try {
        reading.join();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      assertEquals(0, status, told.toString());
    }
  }
}
