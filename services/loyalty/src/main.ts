#!/usr/bin/env node
import { main } from "@intentgate/service";
import { LoyaltyService } from "../../../gen/typescript/shop/loyalty/v1/loyalty_service_pb.js";
import { Ledger } from "./ledger.js";
import { Loyalty, opening } from "./loyalty.js";

let ledger: Ledger;

await main({
  name: "loyalty",
  flags: {
    ledger: { value: "FILE", help: "the ledger of points; a new one has some cards to try with", default: "loyalty.jsonl" },
  },
  open: ({ ledger: file = "" }) => {
    ledger = Ledger.open(file, opening);
    return ledger;
  },
  routes: (router) => router.service(LoyaltyService, new Loyalty(() => ledger)),
});
