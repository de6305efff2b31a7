// Puts the contract into the package: its protos, so that those of a team can import them, and the code generated of them. And the
// license.
// `make generate` and `make protos` write both.
import { cpSync, rmSync } from "node:fs";

const root = new URL("../../", import.meta.url);
const parts = {
  gen: { from: "gen/typescript/", folders: ["intentgate", "google", "buf", "grpc"] },
  proto: { from: "proto/", folders: ["intentgate/v1", "intentgate/conformance"] },
};
for (const [to, { from, folders }] of Object.entries(parts)) {
  rmSync(new URL(to, import.meta.url), { recursive: true, force: true });
  for (const folder of folders) {
    cpSync(new URL(from + folder, root), new URL(`${to}/${folder}`, import.meta.url), { recursive: true });
  }
}
for (const folder of ["google/type", "google/rpc", "buf"]) {
  cpSync(new URL(`.protos/${folder}`, root), new URL(`proto/${folder}`, import.meta.url), { recursive: true });
}
cpSync(new URL("LICENSE", root), new URL("LICENSE", import.meta.url));
