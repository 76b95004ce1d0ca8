/**
 * Random programs by the program-transform engine against the tape, JavaScript itself and central differences.
 * `npm run fuzz:programs -- [programs] [seed] [workers]`: the seed of the first; one that failed alone is `-- 1 <seed>`. Prints how many
 * agree, how many are refused and for which reasons, and each failure with its seed and the least body that is left of it; ends
 * with 1 if there is one. Every fifth seed gives a program on objects with several names. Each worker takes every so many-th seed.
 */
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { compareProgram, minimised } from "../test/language/compare-program.ts";
import { drawNames } from "../test/language/random-names.ts";
import { bodyOf, drawProgram, randomNumbers, sourceOf } from "../test/language/random-program.ts";

interface Found {
  readonly totals: Record<"same" | "skipped" | "refused" | "wrong", number>;
  /** Why programs are refused, and the seeds of those that are. */
  readonly reasons: ReadonlyMap<string, readonly number[]>;
}

interface Range {
  readonly first: number;
  readonly end: number;
  readonly step: number;
}

function compareAll({ first, end, step }: Range): Found {
  const totals = { same: 0, skipped: 0, refused: 0, wrong: 0 };
  const reasons = new Map<string, number[]>();
  for (let seed = first; seed < end; seed += step) {
    const program = (seed % 5 === 0 ? drawNames : drawProgram)(randomNumbers(seed));
    const check = (p: typeof program) => compareProgram({ source: sourceOf(p), args: p.args });
    const finding = check(program);
    totals[finding.kind]++;
    if (finding.kind === "refused") reasons.set(finding.reason, [...(reasons.get(finding.reason) ?? []), seed]);
    if (finding.kind !== "wrong") continue;
    const least = minimised(program, (p) => check(p).kind === "wrong");
    console.log(`seed ${seed}, f(${least.args.join(", ")}): ${finding.detail}\n${bodyOf(least)}`);
  }
  return { totals, reasons };
}

async function main(): Promise<number> {
  const [count = 1000, first = 1, workers = availableParallelism()] = process.argv.slice(2).map(Number);
  const start = performance.now();
  const ranges = Array.from({ length: Math.min(workers, count) }, (_, i) => ({ first: first + i, end: first + count, step: workers }));
  const found = await Promise.all(
    ranges.map(
      (range) =>
        new Promise<Found>((resolve, reject) => {
          const worker = new Worker(fileURLToPath(import.meta.url), { workerData: range });
          worker.on("message", resolve).on("error", reject);
        }),
    ),
  );
  const sum = (kind: keyof Found["totals"]) => found.reduce((n, f) => n + f.totals[kind], 0);
  const reasons = new Map<string, readonly number[]>();
  for (const f of found) for (const [reason, seeds] of f.reasons) reasons.set(reason, [...(reasons.get(reason) ?? []), ...seeds]);
  console.log(
    `${sum("same")} agree, ${sum("wrong")} wrong, ${sum("refused")} refused, ${sum("skipped")} not run by the tape; ` +
      `${((performance.now() - start) / 1000).toFixed(0)} s`,
  );
  for (const [reason, seeds] of [...reasons].sort(([, a], [, b]) => b.length - a.length))
    console.log(`  ${seeds.length} refused: ${reason} (seeds ${seeds.slice(0, 3).join(", ")}${seeds.length > 3 ? ", …" : ""})`);
  return sum("wrong") > 0 ? 1 : 0;
}

if (isMainThread) process.exitCode = await main();
else parentPort?.postMessage(compareAll(workerData as Range));
