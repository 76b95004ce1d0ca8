/**
 * `npm run verify:reference`: all reference data in both dtypes, on the reference device and on every device that is made for speed
 * and is here; in f32 on tfjs, too. One that is not here is named, with the reason. Ends as the first `bench verify` that fails.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describeDevices } from "../core/device/registry.ts";

const bench = fileURLToPath(new URL("../cli/main.js", import.meta.url));
const wanted = describeDevices().filter(({ name }) => name === "interpreter" || name === "wasm" || name === "native" || name === "tfjs");
for (const { name, detail } of wanted.filter((d) => !d.available)) console.log(`${name} is left out: ${detail}`);

for (const dtype of ["f64", "f32"]) {
  const devices = wanted.flatMap(({ name, available }) => (available && !(name === "tfjs" && dtype === "f64") ? ["--device", name] : []));
  const { status } = spawnSync(process.execPath, [bench, "verify", "--cases", "test/data", ...devices, "--dtype", dtype], {
    stdio: "inherit",
  });
  process.exitCode ||= status ?? 1;
}
