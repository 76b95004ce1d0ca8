/**
 * The long form of the memory tests: 10^5 training steps of a small model, and 10^5 steps of operations whose shapes never repeat,
 * on every device that is made for speed (or the one named). Ends with 1 where live bytes do not return to what they were, where
 * live bytes change between steps, or where the device or the process holds an eighth more at the end than half way.
 * `npm run test:long -- [device] [steps]`; three and a half minutes on wasm and native together, on two cores that had other work.
 */
import type { DeviceName } from "../core/device/device.ts";
import { showBytes } from "../core/device/pool.ts";
import { describeDevices, openDevice } from "../core/device/registry.ts";
import { endure, type Footprint, shapes, training } from "../test/endurance.ts";

const PARTS = 8;
const ALLOWED = 1.125;

const available = describeDevices().flatMap((d) => (d.available && (d.name === "wasm" || d.name === "native") ? [d.name] : []));
const names = process.argv[2] === undefined || process.argv[2] === "all" ? available : [process.argv[2] as DeviceName];
const steps = Number(process.argv[3] ?? 100_000);
const collect: () => void = (globalThis as { gc?: () => void }).gc ?? (() => {});

function judge(marks: readonly Footprint[]): string[] {
  const first = marks[0] as Footprint;
  const half = marks[PARTS / 2] as Footprint;
  const whole = marks[PARTS] as Footprint;
  const freed = marks[PARTS + 1] as Footprint;
  return [
    ...(freed.live === first.live ? [] : [`${freed.live - first.live} bytes live at the end that were not at the start`]),
    ...(whole.live === half.live ? [] : ["live bytes change between steps"]),
    ...(whole.reserved <= half.reserved * ALLOWED ? [] : ["the device's memory grows"]),
    ...(whole.resident <= half.resident * ALLOWED ? [] : ["the memory of the process grows"]),
  ];
}

for (const name of names) {
  const device = openDevice(name);
  for (const program of [training, shapes]) {
    const start = performance.now();
    const marks = endure(device, program, steps, PARTS, collect);
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    console.log(`${program.name} on ${name}: ${steps} steps in ${seconds} s`);
    for (const [i, m] of marks.entries()) {
      const when = i > PARTS ? "all freed" : `after ${Math.ceil((steps * i) / PARTS)}`;
      console.log(`  ${when}: live ${showBytes(m.live)}, device ${showBytes(m.reserved)}, process ${showBytes(m.resident)}`);
    }
    for (const fault of judge(marks)) {
      console.error(`  WRONG: ${fault}`);
      process.exitCode = 1;
    }
  }
}
