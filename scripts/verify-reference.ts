/**
 * `npm run verify:reference`: all reference data in both dtypes, on the reference device and on every device that is made for speed
 * and is here; one that is not is named, with the reason. Ends as the first `bench verify` that fails.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describeDevices } from "../core/device/registry.ts";

const bench = fileURLToPath(new URL("../cli/main.js", import.meta.url));
const wanted = describeDevices().filter(({ name }) => name === "interpreter" || name === "wasm" || name === "native");
for (const { name, detail } of wanted.filter((d) => !d.available)) console.log(`${name} is left out: ${detail}`);
const devices = wanted.flatMap((d) => (d.available ? ["--device", d.name] : []));

for (const dtype of ["f64", "f32"]) {
  const { status } = spawnSync(process.execPath, [bench, "verify", "--cases", "test/data", ...devices, "--dtype", dtype], {
    stdio: "inherit",
  });
  process.exitCode ||= status ?? 1;
}
