package io.github.intentgate.shop.payments;

import io.github.intentgate.service.Channels;
import io.github.intentgate.service.Files;
import io.github.intentgate.shop.orders.v1.OrderServiceGrpc;
import io.github.intentgate.shop.orders.v1.OrderStatus;
import io.github.intentgate.shop.orders.v1.TrackOrderRequest;
import io.github.intentgate.shop.orders.v1.TrackOrderResponse;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Tells colleagues whether an order may be paid back, by what the orders service knows of it. It is an example of a program that calls
 * another team's typed intent directly: by the generated client and with a certificate of its own, without Dialogflow.
 */
public final class RefundDesk {
  private static final String HELP = """
      refunddesk tells whether an order may be paid back, by what the orders service knows of it.

      Usage:
        refunddesk --cert FILE --key FILE --ca FILE [--target ADDRESS] [--server-name NAME] ORDER_ID

      Example:
        refunddesk --cert refunddesk.pem --key refunddesk.key --ca internal-ca.pem --target localhost:9443 A-1042

        The orders service was started with --allow dns:refunddesk.internal, the name in refunddesk.pem.
      """;

  private static final Set<OrderStatus> PAID_BACK =
      EnumSet.of(OrderStatus.ORDER_STATUS_DELIVERED, OrderStatus.ORDER_STATUS_CANCELLED);

  private RefundDesk() {}

  /** Runs the program. */
  public static void main(String[] arguments) {
    System.exit(run(arguments, System.out, System.err));
  }

  /** Runs the program, and returns its exit status. */
  static int run(String[] arguments, PrintStream out, PrintStream err) {
    Map<String, String> flags = new HashMap<>(Map.of("--target", "orders.internal:8443", "--server-name", ""));
    String order = "";
    for (int i = 0; i < arguments.length; i++) {
      if (arguments[i].equals("--help")) {
        out.print(HELP);
        return 0;
      } else if (arguments[i].startsWith("--") && i + 1 < arguments.length) {
        flags.put(arguments[i], arguments[++i]);
      } else {
        order = arguments[i];
      }
    }
    if (order.isEmpty() || !flags.keySet().equals(Set.of("--target", "--server-name", "--cert", "--key", "--ca"))) {
      err.println("refunddesk: want --cert, --key, --ca and one order, such as A-1042; try --help");
      return 2;
    }
    try {
      Files files = new Files(Path.of(flags.get("--cert")), Path.of(flags.get("--key")), Path.of(flags.get("--ca")));
      var builder = Channels.builder(flags.get("--target"), files);
      if (!flags.get("--server-name").isEmpty()) {
        builder.overrideAuthority(flags.get("--server-name"));
      }
      ManagedChannel channel = builder.build();
      try {
        TrackOrderResponse answer = OrderServiceGrpc.newBlockingStub(channel).withDeadlineAfter(5, TimeUnit.SECONDS)
            .trackOrder(TrackOrderRequest.newBuilder().setOrderId(order).build());
        out.printf("%s%nstatus     %s%nwarehouse  %s%nrefund     %s%n", answer.getText(),
            answer.getStatus().name().substring("ORDER_STATUS_".length()), answer.getWarehouseNote(),
            PAID_BACK.contains(answer.getStatus()) ? "yes" : "not before it is delivered or cancelled");
        return 0;
      } finally {
        channel.shutdownNow();
      }
    } catch (IllegalArgumentException | StatusRuntimeException e) {
      err.println("refunddesk: " + e.getMessage());
      return 1;
    }
  }
}
