/**
 * The long form of the devices' property tests: random kernels on every device that is here against the interpreter, bit for bit. Every
 * fourth list is of kernels without float64, and run by tfjs too, which does not keep the sign of zero everywhere.
 * Says the seed of each difference and ends with 1. `npm run fuzz:kernels -- [kernels] [seed]`: the seed of the first list, or a list
 * that differed alone (`-- 96 <seed>`). As many processes as cores take list after list, each compiling a list's kernels together,
 * with the flags that users get; images go to a folder of their own, so that a user's cache is left as it is.
 * 10 000 kernels took 17 minutes on two cores that had other work, nearly all of them the C compiler's.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import type { TypedArray } from "../core/base/dtype.ts";
import { findCuda } from "../core/device/cuda/availability.ts";
import { createCuda } from "../core/device/cuda/device.ts";
import type { Device } from "../core/device/device.ts";
import { createInterpreter } from "../core/device/interpreter/device.ts";
import { findNative } from "../core/device/native/availability.ts";
import { createNative } from "../core/device/native/device.ts";
import { findTfjs, loadTfjs } from "../core/device/tfjs/backend.ts";
import { createTfjs } from "../core/device/tfjs/device.ts";
import { createWasm } from "../core/device/wasm/device.ts";
import { drawKernelCase, type KernelCase, runKernelCase } from "../test/arbitrary-kernel.ts";

/** Lists of this rest modulo four have no float64. */
const NARROW = 3;
/** Kernels that are drawn from one seed: four full units of the native device's compilation. */
const LIST = 96;

interface Task {
  readonly seed: number;
  readonly kernels: number;
}
/** What a list showed: nothing, or where a device and the interpreter part. */
type Finding = { readonly difference?: string };

function compileTogether(device: Device, cases: readonly KernelCase[]): void {
  device.preparePlan(
    cases.map(({ kernel, geometry, inputs, outputs }) => ({
      launch: { kind: "kernel", kernel, geometry, inputs: inputs.map((_, k) => k) },
      operands: [...outputs, ...inputs].map((_, block) => ({ block, offset: 0 })),
    })),
  );
}

const withoutSign = (outputs: readonly TypedArray[]) => outputs.map((out) => Array.from(out, (x) => x + 0));

function check({ seed, kernels }: Task, interpreter: Device, devices: readonly Device[]): Finding {
  const isNarrow = seed % 4 === NARROW;
  const list = fc.sample(
    fc.gen().map((gen) => drawKernelCase(gen, 70, !isNarrow)),
    { seed, numRuns: kernels },
  );
  const wanted = list.map((c) => runKernelCase(interpreter, c));
  for (const device of devices) {
    const isTfjs = device.name === "tfjs";
    if (isTfjs && !isNarrow) continue;
    if (!isTfjs) compileTogether(device, list);
    for (const [i, c] of list.entries()) {
      const [got, want] = [runKernelCase(device, c), wanted[i] as TypedArray[]];
      if (isTfjs ? isDeepStrictEqual(withoutSign(got), withoutSign(want)) : isDeepStrictEqual(got, want)) continue;
      return { difference: `${device.name} differs from the interpreter: seed ${seed}, kernel ${i}: ${c.kernel.key}` };
    }
  }
  return {};
}

/** A child: one list a message. */
async function work(): Promise<void> {
  const interpreter = createInterpreter();
  const devices = [
    createWasm(),
    ...(findNative().available ? [createNative()] : []),
    ...(findCuda().available ? [createCuda()] : []),
    ...(findTfjs().available ? [createTfjs(await loadTfjs())] : []),
  ];
  process.on("message", (task: Task) => process.send?.(check(task, interpreter, devices)));
}

/** All lists, shared out among children as they become free. Returns how many kernels differed or could not be run. */
async function share(count: number, first: number, cache: string): Promise<number> {
  const tasks = Array.from({ length: Math.ceil(count / LIST) }, (_, i) => ({
    seed: first + i,
    kernels: Math.min(LIST, count - i * LIST),
  }));
  let [done, faults] = [0, 0];
  const worker = () =>
    new Promise<void>((resolve) => {
      const child: ChildProcess = fork(fileURLToPath(import.meta.url), ["work"], { env: { ...process.env, TRIGRAD_CACHE: cache } });
      let task: Task | undefined;
      const next = () => {
        task = tasks.shift();
        if (task === undefined) child.disconnect();
        else child.send(task);
      };
      child.on("message", ({ difference }: Finding) => {
        done += (task as Task).kernels;
        if (difference !== undefined) faults++;
        console.log(difference ?? `${done} kernels agree`);
        next();
      });
      child.on("exit", (code, signal) => {
        if (task !== undefined) {
          console.log(`the process ended with ${code ?? signal}: seed ${task.seed}`);
          faults++;
        }
        resolve();
      });
      next();
    });
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), tasks.length) }, worker));
  return faults + tasks.length;
}

async function main(): Promise<void> {
  const count = Number(process.argv[2] ?? 10_000);
  const first = Number(process.argv[3] ?? 1);
  const native = findNative();
  const devices = [
    "wasm",
    native.available ? "native" : `(native is left out: ${native.detail})`,
    ...(findCuda().available ? [`cuda (${findCuda().detail})`] : []),
    ...(findTfjs().available ? [`tfjs (${findTfjs().detail})`] : []),
  ].join(", ");
  console.log(`${count} random kernels from seed ${first}, on ${devices} against the interpreter`);
  const cache = mkdtempSync(join(tmpdir(), "trigrad-fuzz-"));
  const start = performance.now();
  try {
    if ((await share(count, first, cache)) > 0) process.exitCode = 1;
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
  console.log(`${((performance.now() - start) / 1000).toFixed(0)} s`);
}

if (process.argv[2] === "work") await work();
else await main();
