package io.github.intentgate.outside;

import static io.github.intentgate.outside.Newcomer.CHECKOUT;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The example service behind a gateway, on both platforms, and the program that calls a service in Go. */
class ShopTest {
  private static final String CONFIG = """
      edge:
        listen: "127.0.0.1:0"
        certificate: {cert: dev-certs/edge.pem, key: dev-certs/edge.key}
        clients:
          - {name: dev, like: dialogflow, roots: {ssl_com: dev-certs/ssl-com-root.pem, gts: dev-certs/gts-root.pem}}
      webhooks:
        - path: /dialogflow/es
          platform: ES
          profiles: [dev]
          id_token: {audiences: ["https://localhost:8443/dialogflow/es"]}
          projects: [{id: shop, number: 415104041262}]
        - path: /dialogflow/cx
          platform: CX
          profiles: [dev]
          id_token: {audiences: ["https://localhost:8443/dialogflow/cx"]}
          projects: [{id: shop, number: 415104041262}]
      id_token_keys: {file: dev-certs/jwks.json}
      services:
        - name: payments
          target: %s
          tls: {ca: dev-certs/internal-ca.pem, cert: dev-certs/gateway.pem, key: dev-certs/gateway.key, server_name: orders.internal}
          intents:
            reflection: {}
            allow: {intents: ["refund.*"], tags: [refund-status, request-refund]}
      """;
  private static final String SERVE = "--listen 127.0.0.1:0 --assert dns:gateway.internal --allow dns:callcenter.internal "
      + "--ca dev-certs/internal-ca.pem --cert dev-certs/orders.pem --key dev-certs/orders.key";

  private static Newcomer shop;

  @BeforeAll
  static void certificates(@TempDir Path folder) throws Exception {
    Newcomer.needsTheGateway();
    shop = new Newcomer(folder, CHECKOUT.resolve("services/java/README.md"));
    shop.run("intentgate certs --out dev-certs");
  }

  @Test
  void paymentsBehindTheGateway() throws Exception {
    String start = "java " + Newcomer.QUICK + " -jar $CHECKOUT/services/payments/target/payments.jar ";
    try (Newcomer.Running payments = shop.start(start + SERVE, "msg=Listening")) {
      Files.writeString(shop.folder().resolve("intentgate.yaml"), CONFIG.formatted(payments.field("address")));
      String serve = "intentgate serve --config intentgate.yaml";
      try (Newcomer.Running gateway = shop.start(serve, "msg=Serving", "Intents learnt")) {
        String simulate = "intentgate simulate --config intentgate.yaml --dev dev-certs " + gateway.field("edge") + "/dialogflow/";
        hears("Wir haben Ihnen 53,40\u00a0€ überwiesen.",
            simulate + "es --intent refund.status --param payment-id=9007199254740997 --language de");
        // As a text, all its digits are there.
        hears("You asked for €29.00", simulate + "cx --tag refund-status --param payment=9223372036854775807 --language en");
        hears("Je ne trouve pas de paiement 7.", simulate + "es --intent refund.status --param payment-id=7 --language fr");
        hears("The number of the payment is on your bank statement.",
            simulate + "es --intent refund.status --param payment-id=-1 --language en");
        hears("Sie bekommen 5,80\u00a0€ zurück.", simulate + "es --intent refund.request --param payment-id=9007199254740993 "
            + "--param 'unit-currency={\"amount\": 5.8, \"currency\": \"EUR\"}' --language de");
        hears("That is more than is left of the payment: €20.00.", simulate + "es --intent refund.request "
            + "--param payment-id=9007199254740993 --param 'amount={\"amount\": 26, \"currency\": \"EUR\"}' --language en");
      }
    }
  }

  private static void hears(String words, String simulate) throws Exception {
    String told = shop.run(simulate);
    assertTrue(told.contains(words), told);
  }

  @Test
  void refundDeskAsksAboutOrders() throws Exception {
    try (Newcomer.Running orders = shop.start("orders " + SERVE, "msg=Listening")) {
      String desk = "java " + Newcomer.QUICK + " -cp $CHECKOUT/services/payments/target/payments.jar "
          + "io.github.intentgate.shop.payments.RefundDesk --ca dev-certs/internal-ca.pem --cert dev-certs/callcenter.pem "
          + "--key dev-certs/callcenter.key --server-name orders.internal --target " + orders.field("address");
      String told = shop.run(desk + " A-1044");
      assertTrue(told.contains("status     DELIVERED\nwarehouse  left with the neighbour\nrefund     yes\n"), told);
      assertTrue(shop.run(desk + " A-1042").contains("refund     not before it is delivered or cancelled"));
      assertTrue(shop.run(desk + " A-9999 2>&1 || true").contains("refunddesk: NOT_FOUND"));
      assertTrue(shop.run(desk + " 2>&1 || true").contains("want --cert, --key, --ca and one order"));
    }
  }
}
