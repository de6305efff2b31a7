#!/usr/bin/env node
import { parseArgs } from "node:util";
import { Channel, ConnectError } from "@intentgate/service";
import { LoyaltyService } from "../../../gen/typescript/shop/loyalty/v1/loyalty_service_pb.js";
import { OrderService, OrderStatus } from "../../../gen/typescript/shop/orders/v1/order_service_pb.js";

const help = `\
credit gives the points of an order to a card, once the order has been delivered. It is an example of a program that calls the
typed intents of two teams, the orders service in Go and the loyalty service, by their generated clients and with a certificate
of its own, without Dialogflow.

Usage:
  credit --cert FILE --key FILE --ca FILE [flags] CARD ORDER_ID

Example:
  credit --cert credit.pem --key credit.key --ca internal-ca.pem \\
    --orders localhost:9443 --loyalty localhost:9445 L-2077 A-1042

  Both services were started with --allow and the name in credit.pem, such as dns:credit.internal.

Flags:
  --orders ADDRESS      the orders service (default orders.internal:8443)
  --loyalty ADDRESS     the loyalty service (default loyalty.internal:8443)
  --server-name NAME    the DNS name in both services' certificates (default: the host of each address)
  --points NUMBER       how many points the order brings (default 100)
`;

/** Runs the program, and returns its exit status. */
export async function credit(args: string[], stdout: (text: string) => void, stderr: (text: string) => void): Promise<number> {
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    if (values.help) {
      stdout(help);
      return 0;
    }
    const { cert, key, ca, orders, loyalty, points } = values;
    const [card, orderId] = positionals;
    if (!cert || !key || !ca || !card || !orderId || positionals.length > 2) {
      throw new Error(`want --cert, --key, --ca, a card and an order, seen ${JSON.stringify(args)}; try --help`);
    }
    const serverName = values["server-name"];
    const open = (target: string) =>
      new Channel({ target, tls: { cert, key, ca }, ...(serverName && { serverName }), log: () => {} });
    const channels = [open(orders), open(loyalty)] as const;
    try {
      const timeout = { timeoutMs: 5000 };
      const order = await channels[0].client(OrderService).trackOrder({ orderId }, timeout);
      if (order.status !== OrderStatus.DELIVERED) {
        stdout(`${orderId} brings points once it is delivered. ${order.text}\n`);
        return 0;
      }
      const given = await channels[1].client(LoyaltyService).creditOrder({ card, orderId, points: BigInt(points) }, timeout);
      stdout(`${orderId} ${given.credited ? "has brought" : "had brought"} its points: ${card} has ${given.points}\n`);
      return 0;
    } finally {
      for (const channel of channels) channel.close();
    }
  } catch (error) {
    stderr(`credit: ${error instanceof ConnectError ? error.message : (error as Error).message}\n`);
    return 1;
  }
}

const options = {
  cert: { type: "string" },
  key: { type: "string" },
  ca: { type: "string" },
  orders: { type: "string", default: "orders.internal:8443" },
  loyalty: { type: "string", default: "loyalty.internal:8443" },
  "server-name": { type: "string" },
  points: { type: "string", default: "100" },
  help: { type: "boolean", short: "h" },
} as const;

if (import.meta.url === `file://${process.argv[1]}`) {
  process.exit(
    await credit(
      process.argv.slice(2),
      (text) => process.stdout.write(text),
      (text) => process.stderr.write(text),
    ),
  );
}
