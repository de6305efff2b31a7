// What verifying a token costs: node services/typescript/build/bench.js

import { parseKeys } from "../dist/token/keys.js";
import { Verifier } from "../dist/token/verifier.js";
import { jwksOf, Signer } from "./signing.js";

const signer = new Signer();
const known = parseKeys(Buffer.from(jwksOf(signer)));
const get = (id: string) => known.get(id);
const keys = { get, find: async (id: string) => get(id) };
const verifier = new Verifier({ keys, trustDomain: "shop.internal", issuer: "", now: () => new Date() });

for (const round of ["warming up", "warm"]) {
  const tokens = Array.from({ length: 5000 }, () => {
    return Buffer.from(signer.turn("shop.orders.v1.OrderService").get("intentgate-token") ?? "");
  });
  for (const what of ["not seen before", "seen before"]) {
    const start = process.cpuUsage();
    for (const token of tokens) await verifier.verify(token);
    const { user, system } = process.cpuUsage(start);
    process.stdout.write(`${round}, ${what}: ${((user + system) / tokens.length).toFixed(1)} µs of CPU time a token\n`);
  }
}
