/**
 * Random programs as graphs: every pass of the graph engine alone and all together keep values, gradients and second derivatives, and
 * passes twice are passes once. `npm run fuzz:graphs -- [programs] [seed] [workers]`: each worker draws its share with a seed of its
 * own, a third each over numbers, over matrices and over tensors whose axes change places. Prints each failure with its seed, shrunk; ends with 1 if there is one.
 */
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import fc from "fast-check";
import { createWasm } from "../core/device/wasm/device.ts";
import { useDevice } from "../core/tensor/tensor.ts";
import { numberPrograms, orderPrograms, tensorPrograms } from "../test/graph/passes-agree.ts";

interface Share {
  readonly programs: number;
  readonly seed: number;
}

/** How many programs were run, and what failed. */
function check({ programs, seed }: Share): { readonly ran: number; readonly failures: readonly string[] } {
  useDevice(createWasm({ threads: 1 }));
  const failures: string[] = [];
  let ran = 0;
  for (const [kind, property] of [
    ["numbers", numberPrograms],
    ["matrices", tensorPrograms],
    ["axes", orderPrograms],
  ] as const) {
    const found = fc.check(property as fc.IProperty<unknown>, { seed, numRuns: Math.ceil(programs / 3), includeErrorInReport: true });
    ran += found.numRuns;
    if (found.failed) failures.push(`seed ${seed}, ${kind}: ${fc.defaultReportMessage(found as fc.RunDetailsFailureProperty<unknown>)}`);
  }
  return { ran, failures };
}

async function main(): Promise<number> {
  const [programs = 1000, seed = 1, workers = availableParallelism()] = process.argv.slice(2).map(Number);
  const start = performance.now();
  const shares = Array.from({ length: workers }, (_, i): Share => ({ programs: Math.ceil(programs / workers), seed: seed + i }));
  const found = await Promise.all(
    shares.map(
      (share) =>
        new Promise<ReturnType<typeof check>>((resolve, reject) => {
          const worker = new Worker(fileURLToPath(import.meta.url), { workerData: share });
          worker.on("message", resolve).on("error", reject);
        }),
    ),
  );
  const failures = found.flatMap((f) => f.failures);
  for (const f of failures) console.log(f);
  const ran = found.reduce((n, f) => n + f.ran, 0);
  console.log(`${ran} programs, ${failures.length} failures; ${((performance.now() - start) / 1000).toFixed(0)} s`);
  return failures.length > 0 ? 1 : 0;
}

if (isMainThread) process.exitCode = await main();
else parentPort?.postMessage(check(workerData as Share));
