package io.github.intentgate.shop.payments;

import io.github.intentgate.service.Command;
import java.time.Clock;

/** Serves payments, see --help. PAYMENTS_DB is where they are kept, such as {@code jdbc:h2:/var/lib/payments}; by default in memory. */
public final class Main {
  private Main() {}

  /** Runs the service. */
  public static void main(String[] arguments) {
    String url = System.getenv().getOrDefault("PAYMENTS_DB", "jdbc:h2:mem:payments;DB_CLOSE_DELAY=-1");
    System.exit(Command.run("payments", arguments,
        server -> server.service(new PaymentService(new Ledger(url, Clock.systemUTC())))));
  }
}
