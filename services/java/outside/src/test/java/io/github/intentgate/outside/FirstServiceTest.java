package io.github.intentgate.outside;

import static io.github.intentgate.outside.Newcomer.CHECKOUT;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Does what the README tells a newcomer to do, in an empty folder, with a gateway of this checkout. */
class FirstServiceTest {
  private static Newcomer newcomer;

  @BeforeAll
  static void install(@TempDir Path folder) throws Exception {
    Newcomer.needsTheGateway();
    newcomer = new Newcomer(Files.createDirectories(folder.resolve("greeter")), CHECKOUT.resolve("services/java/README.md"));
    // A repository of the newcomer's own, which is spared the downloads, but has nothing of this project.
    Path repository = folder.resolve("repository");
    newcomer.run("cp -al '%1$s' '%2$s' 2>/dev/null || cp -a '%1$s' '%2$s'"
        .formatted(System.getProperty("maven.repository"), repository));
    Path ours = repository.resolve("io/github/intentgate");
    newcomer.run("rm -rf '%s'".formatted(ours));
    newcomer.set("MAVEN_OPTS", "-Dmaven.repo.local=" + repository + " -Dstyle.color=never " + Newcomer.QUICK);
    newcomer.run(newcomer.block("sh", "-pl services/java -am install"));
    assertTrue(Files.exists(ours.resolve("intentgate-service/0.1.0/intentgate-service-0.1.0.jar")));
    assertFalse(Files.exists(ours.resolve("intentgate-payments")));
    newcomer.write("proto", "rpc Greet(", Map.of());
    newcomer.write("xml", "<artifactId>greeter</artifactId>", Map.of());
    newcomer.write("java", "class Greeter extends", Map.of());
    newcomer.run(newcomer.block("sh", "-q package"));
    newcomer.run(newcomer.block("sh", "go build").replaceFirst(".*go build.*\n", ""));
  }

  @Test
  void firstCall() throws Exception {
    newcomer.run(newcomer.block("sh", "--descriptors greeter.binpb"));
    String start = newcomer.block("sh", "--listen 127.0.0.1").replace("127.0.0.1:8444", "127.0.0.1:0");
    try (Newcomer.Running service = newcomer.start(start, "msg=Listening")) {
      for (String way : List.of("reflection: {}", "descriptor_set: greeter.binpb")) {
        newcomer.write("yaml", "name: greeter", Map.of(
            "reflection: {}", way, "\":8443\"", "\"127.0.0.1:0\"", "127.0.0.1:8444", service.field("address")));
        try (Newcomer.Running gateway = newcomer.start(newcomer.block("sh", "intentgate serve"), "msg=Serving", "Intents learnt")) {
          String simulate = newcomer.block("sh", "intentgate simulate").strip();
          String told = newcomer.run(simulate + " " + gateway.field("edge") + "/dialogflow/es");
          assertTrue(told.contains("Hallo, Ada!"), told);
        }
      }
    }
  }

  @Test
  void conformance() throws Exception {
    // The example service is judged by the whole kit.
    newcomer.run(newcomer.block("sh", "intentgate conformance").strip() + " --run '^(reachable|annotations|certificate_reload)$'");
  }
}
