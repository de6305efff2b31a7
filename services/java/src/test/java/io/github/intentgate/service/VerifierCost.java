package io.github.intentgate.service;

import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;

/** Measures what the verification of a token costs: a program, and no test. */
final class VerifierCost {
  private VerifierCost() {}

  public static void main(String[] arguments) throws Exception {
    Signing gateway = Signing.create("gateway");
    Keys keys = new Keys("cost", TokenVectorsTest.LOG);
    keys.set(Signing.set(gateway).getBytes(StandardCharsets.UTF_8));
    List<String> tokens = new ArrayList<>();
    for (int i = 0; i < 2_000; i++) {
      tokens.add(gateway.token(Signing.claims()));
    }
    for (int round = 1; round <= 5; round++) { // the first ones are Java's, to compile
      Verifier verifier = new Verifier(keys, Signing.DOMAIN, "", Clock.systemUTC(), Verifier.MAX_VERDICTS);
      double first = each(verifier, tokens, 1);
      double again = each(verifier, tokens, 50);
      System.out.printf("round %d: %.0f µs of CPU time for a token that is new, %.1f µs for one that was seen%n", round, first, again);
    }
  }

  /** Returns how many microseconds of CPU time a verification takes. */
  private static double each(Verifier verifier, List<String> tokens, int times) throws NotAccepted {
    long begin = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    for (int i = 0; i < times; i++) {
      for (String token : tokens) {
        verifier.verify(token);
      }
    }
    return (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - begin) / 1e3 / times / tokens.size();
  }
}
