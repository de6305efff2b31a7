import { main } from "@intentgate/service";
import { nothing } from "./world.js";

setInterval(() => {}, 1000); // what a service forgets to close does not keep its process
await main({ name: "hello", routes: nothing });
