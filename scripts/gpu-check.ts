/**
 * `npm run gpu-check`: on a machine with a GPU, whether the cuda device is right there, and how fast. First all golden data and all models on
 * it, in both dtypes; then NVIDIA's sanitizer over two models, where it is installed; then one table: memory traffic beside a device copy,
 * products beside cuBLAS called bare, launches, what graphs gain, and every suite model by the engines beside PyTorch and JAX, where a
 * Python has them. docs/gpu/README.md says how to take it to another machine.
 *
 *     npm run gpu-check -- [--small] [--skip-verify] [--out FOLDER]
 *     TRIGRAD_PYTHON    the Python that has PyTorch or JAX; python3 where absent
 *
 * `--small` tries the script where there is no GPU to speak of; its times say nothing.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { findCuda } from "../core/device/cuda/availability.ts";
import { openDevice } from "../core/device/registry.ts";
import { engines } from "../engines/registry.ts";
import { selectModels } from "../harness/discover.ts";
import { projectRoot } from "../harness/root.ts";
import { median } from "../harness/statistics.ts";
import { BareCublas, BareLaunch, DeviceCopy } from "./gpu-check/bare.ts";
import { PlanOfLaunches } from "./gpu-check/launches.ts";
import { EngineStep, PeerStep, stepsOf, writeNumbers } from "./gpu-check/steps.ts";
import { gpuWorkloads } from "./gpu-check/workloads.ts";
import { type Effort, type Measured, measure } from "./performance/measure.ts";
import { PeerProcess } from "./performance/peer.ts";
import { duration } from "./performance/report.ts";
import { NotHere, type Side } from "./performance/side.ts";
import { Trigrad } from "./performance/trigrad.ts";

const { values: options } = parseArgs({
  options: { small: { type: "boolean" }, "skip-verify": { type: "boolean" }, out: { type: "string" } },
});
const small = options.small === true;
const EFFORT: Effort = small
  ? { budgetMs: 0, minRounds: 2, maxRounds: 2, sampleMs: 0.1 }
  : { budgetMs: 4000, minRounds: 9, maxRounds: 60, sampleMs: 20 };
const bench = fileURLToPath(new URL("../cli/main.js", import.meta.url));

interface Check {
  readonly what: string;
  readonly passed: boolean;
  readonly detail: string;
}

/** A command whose last lines are kept. */
function check(what: string, program: string, args: readonly string[]): Check {
  console.log(`\n${what}`);
  const { status, stdout, stderr } = spawnSync(program, [...args], { encoding: "utf8", maxBuffer: 2 ** 28, cwd: projectRoot });
  const lines = `${stdout ?? ""}${stderr ?? ""}`.trim().split("\n");
  const wrong = lines.filter((line) => /^(fail|error)\b/.test(line));
  const detail = [...wrong.slice(0, 20), ...lines.slice(-4)].join("\n");
  console.log(detail);
  return { what, passed: status === 0, detail };
}

function verification(): Check[] {
  const run = (what: string, ...words: string[]) => check(what, process.execPath, [bench, "verify", ...words, "--device", "cuda"]);
  const cases = small ? ["test/data/golden/ops/matmul_2d.json", "test/data/golden/models/mlp_a.json"] : ["test/data"];
  const paths = cases.flatMap((path) => ["--cases", join(projectRoot, path)]);
  const models = selectModels(small ? ["logistic"] : []).map((m) => m.model.name);
  return [
    ...(["f64", "f32"] as const).map((dtype) => run(`golden data on cuda, ${dtype}`, ...paths, "--dtype", dtype)),
    run("all models on cuda", ...models),
  ];
}

/** NVIDIA's tools over two models: accesses out of bounds, races in shared memory, barriers, memory that was never written. */
function sanitizer(): Check[] {
  const places = [process.env.CUDA_HOME, process.env.CUDA_PATH, "/usr/local/cuda"].flatMap((p) =>
    p ? [join(p, "bin", "compute-sanitizer")] : [],
  );
  const onPath = spawnSync("compute-sanitizer", ["--version"]).status === 0 ? "compute-sanitizer" : undefined;
  const program = onPath ?? places.find((p) => existsSync(p));
  if (program === undefined) {
    console.log("\ncompute-sanitizer is left out: it is not on this machine (it comes with the CUDA toolkit)");
    return [];
  }
  return ["memcheck", "racecheck", "synccheck", "initcheck"].map((tool) => {
    const flags = ["--tool", tool, "--target-processes", "all", "--error-exitcode", "9"];
    const words = ["verify", "logistic", "gmm", "--engine", "graph", "--device", "cuda", "--timeout", "1800"];
    return check(`compute-sanitizer, ${tool}`, program, [...flags, process.execPath, bench, ...words]);
  });
}

async function peers(): Promise<{ process: PeerProcess; sides: Side[] }[]> {
  const python = process.env.TRIGRAD_PYTHON ?? "python3";
  const script = join(projectRoot, "scripts", "peers", "gpu-steps.py");
  const found: { process: PeerProcess; sides: Side[] }[] = [];
  for (const [library, names] of [
    ["torch", ["PyTorch eager", "torch.compile"]],
    ["jax", ["JAX jit"]],
  ] as const) {
    try {
      const child = await PeerProcess.start(python, [script, library], {});
      found.push({ process: child, sides: names.map((name) => new PeerStep(child, name)) });
    } catch (error) {
      if (!(error instanceof NotHere)) throw error;
      console.log(`${names.join(" and ")} left out: ${error.message}`);
    }
  }
  return found;
}

/** One row a side of a workload: time, rate, and its share of the speed of the first side, which is what the others are held against. */
function rows({ workload, samples }: Measured): string[] {
  const { work } = workload;
  const rate = (name: string, taken: readonly number[]) => {
    // A copy moves what it copies twice, whatever the workload moves.
    const bytes = name === "device copy" ? 8 * (workload.inputs[0]?.shape.reduce((n, d) => n * d, 1) ?? 0) : (work?.amount ?? 0);
    return bytes / median(taken);
  };
  const all = [...samples];
  const [reference] = all;
  return all.map(([name, taken]) => {
    const speed = work === undefined ? "" : `${rate(name, taken).toFixed(1)} ${work.unit}`;
    const of = work === undefined ? (s: readonly number[], _: string) => 1 / median(s) : (s: readonly number[], n: string) => rate(n, s);
    const share = reference === undefined || all.length === 1 ? "" : (of(taken, name) / of(reference[1], reference[0])).toFixed(2);
    return `| ${workload.title} | ${workload.size} | ${name} | ${duration(median(taken))} | ${duration(Math.min(...taken))} | ${speed} | ${share} |`;
  });
}

async function main(): Promise<void> {
  const cuda = findCuda();
  if (!cuda.available) {
    console.error(`the cuda device is not available here: ${cuda.detail}`);
    process.exitCode = 3;
    return;
  }
  console.log(cuda.detail);
  const checks = options["skip-verify"] ? [] : [...verification(), ...(small ? [] : sanitizer())];
  const device = openDevice("cuda");
  const measured: Measured[] = [];
  const sides = [
    ...[new DeviceCopy(), new BareCublas(), new BareLaunch()],
    ...[new PlanOfLaunches(device, false), new PlanOfLaunches(device, true)],
  ];
  for (const workload of gpuWorkloads(small)) {
    console.log(`measuring: ${workload.title}, ${workload.size}`);
    const ours = workload.key === "launches" ? [] : [new Trigrad(device, workload.eagerOnly ? "eager" : "compiled")];
    measured.push(await measure(workload, [...sides, ...ours], EFFORT));
  }
  const folder = mkdtempSync(join(tmpdir(), "trigrad-gpu-check-"));
  const others = await peers();
  try {
    for (const step of stepsOf(selectModels([]), small, folder)) {
      console.log(`measuring: ${step.title}, ${step.size}`);
      if (others.length > 0) writeNumbers(step, device);
      measured.push(await measure(step, [...others.flatMap((o) => o.sides), ...engines.map((e) => new EngineStep(e, device))], EFFORT));
    }
  } finally {
    for (const { process } of others) process.close();
    rmSync(folder, { recursive: true, force: true });
  }
  const versions = others.flatMap((o) => Object.entries(o.process.about).map(([name, version]) => `${name} ${version}`));
  const table = [
    "| what | size | by | median | best | rate | speed beside the first |",
    "|---|---|---|---|---|---|---|",
    ...measured.flatMap(rows),
  ].join("\n");
  const verdicts = checks.map(
    (c) => `- ${c.passed ? "passed" : "FAILED"}: ${c.what}${c.passed ? "" : `\n\n      ${c.detail.replaceAll("\n", "\n      ")}`}`,
  );
  const warning = small ? ["Small sizes, to try the script: the times say nothing.", ""] : [];
  const text = [
    ...warning,
    `${cuda.detail}; Node ${process.version}${versions.map((v) => `; ${v}`).join("")}`,
    ...verdicts,
    "",
    table,
    "",
  ].join("\n");
  console.log(`\n${text}`);
  const out = options.out ?? join(projectRoot, "results", "gpu-check");
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, "gpu-check.md"), text);
  const raw = measured.map(({ workload: { title, size, work }, samples }) => ({ title, size, work, samples: Object.fromEntries(samples) }));
  writeFileSync(join(out, "gpu-check.json"), `${JSON.stringify({ about: cuda.detail, checks, measured: raw }, null, 1)}\n`);
  console.log(`written to ${out}`);
  if (checks.some((c) => !c.passed)) process.exitCode = 1;
}

await main();
