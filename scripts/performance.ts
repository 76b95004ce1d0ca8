/**
 * `npm run performance`: the devices of trigrad beside PyTorch, OpenBLAS, memcpy and TensorFlow.js on the same numbers, one run,
 * turn by turn, each goal judged from what was measured. Writes docs/performance.md, or with workload names as arguments
 * (`npm run performance -- gelu matmul`) prints those only. Takes about eight minutes.
 *
 *     TRIGRAD_PYTHON    the Python that has PyTorch and NumPy; python3 where absent
 *     TRIGRAD_THREADS   threads of each side that has threads; all where absent
 */
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describeDevices, openDevice } from "../core/device/registry.ts";
import { machineRecord } from "../harness/machine.ts";
import { projectRoot } from "../harness/root.ts";
import { type Measured, measure } from "./performance/measure.ts";
import { Peer, PeerProcess } from "./performance/peer.ts";
import { planFigures } from "./performance/plans.ts";
import { goalTable, judge, planTable, timeTable } from "./performance/report.ts";
import { NotHere, type Side } from "./performance/side.ts";
import { Tfjs, tfjsVersion } from "./performance/tfjs.ts";
import { nameOf, Trigrad } from "./performance/trigrad.ts";
import { workloads } from "./performance/workloads.ts";

const EFFORT = { budgetMs: 4000, minRounds: 7, maxRounds: 40, sampleMs: 2 };

const threads = String(Number(process.env.TRIGRAD_THREADS) || availableParallelism());
process.env.TRIGRAD_THREADS = threads;

/** In the order in which goals are judged by them: the first that is here. */
const DEVICES = ["native", "wasm"] as const;
const MANNERS = ["compiled", "eager"] as const;

async function main(): Promise<void> {
  const wanted = process.argv.slice(2);
  const chosen = workloads.filter((w) => wanted.length === 0 || wanted.includes(w.key));
  const { sides, about, peers } = await openSides();
  const all: Measured[] = [];
  try {
    for (const workload of chosen) {
      process.stderr.write(`${workload.title}, ${workload.size}\n`);
      all.push(await measure(workload, sides, EFFORT));
    }
  } finally {
    for (const peer of peers) peer.close();
  }
  const preference = DEVICES.flatMap((device) => MANNERS.map((manner) => nameOf(device, manner)));
  const verdicts = all.flatMap((m) => m.workload.goals.map((g) => judge(m, g, preference)));
  const goals = goalTable(verdicts);
  const names = sides.map((s) => s.name);
  const times = timeTable(all, names);
  if (wanted.length > 0) console.log(`${goals}\n\n${times}`);
  else writeFileSync(join(projectRoot, "docs", "performance.md"), page(goals, times, planTable(planFigures()), about));
}

/** Every side that is available here; says of the others why they are not. */
async function openSides(): Promise<{ sides: Side[]; about: Record<string, string>; peers: PeerProcess[] }> {
  const sides: Side[] = [];
  const peers: PeerProcess[] = [];
  const about: Record<string, string> = { tfjs: tfjsVersion };
  const environment = { TRIGRAD_THREADS: threads, OMP_NUM_THREADS: threads };
  const skip = (name: string, why: string) => {
    about[name] = `not here: ${why}`;
    process.stderr.write(`without ${name}: ${why}\n`);
  };
  const peer = async (name: string, program: string, args: readonly string[], names: readonly string[]) => {
    try {
      const started = await PeerProcess.start(program, args, environment);
      peers.push(started);
      Object.assign(about, started.about);
      sides.push(...names.map((n) => new Peer(started, n)));
    } catch (error) {
      if (!(error instanceof NotHere)) throw error;
      skip(name, error.message);
    }
  };
  for (const name of DEVICES) {
    const known = describeDevices().find((d) => d.name === name);
    if (known?.available) sides.push(...MANNERS.map((manner) => new Trigrad(openDevice(name), manner)));
    else skip(`device ${name}`, known?.detail ?? "unknown");
  }
  const script = join(projectRoot, "scripts", "peers", "pytorch.py");
  await peer("PyTorch", process.env.TRIGRAD_PYTHON ?? "python3", [script], ["PyTorch", "PyTorch fused"]);
  await peer("OpenBLAS", process.execPath, [fileURLToPath(new URL("./peers/system.js", import.meta.url))], ["OpenBLAS", "memcpy"]);
  sides.push(await Tfjs.open());
  return { sides, about, peers };
}

function page(goals: string, times: string, plans: string, about: Record<string, string>): string {
  const machine = machineRecord();
  const facts = {
    CPU: `${machine.cpu}, ${machine.cores} cores, ${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB`,
    system: `${machine.os}, kernel ${machine.kernel}`,
    "load average of 1, 5 and 15 minutes at the end": machine.loadAverage.map((l) => l.toFixed(2)).join(", "),
    Node: machine.node,
    threads,
    ...about,
    date: new Date().toISOString().slice(0, 10),
  };
  return `# Performance

Written by \`npm run performance\` (about eight minutes; names of workloads as arguments print those only). Every side computes on the
same float32 numbers; results are compared with each other before anything is timed. The sides then take turns in shuffled rounds,
each clocking itself over a batch of calls after as many that are not counted, so a slow spell of the machine falls on all. Memory is
filled before it is timed. PyTorch is used as its users write it: eager, results in fresh memory, no graph compiler; TensorFlow.js
runs on one thread. A load average above the number of cores says that others used the machine meanwhile.

${Object.entries(facts)
  .map(([name, value]) => `- ${name}: ${value}`)
  .join("\n")}

## Goals

Ratios are time of trigrad over time of the other: lower is better. A goal is met where both the ratio of
the best samples and that of the medians meet it: other work on the machine slows sides with several threads more than others, and
then the medians alone flatter. Intervals are 95 % bootstrap intervals over rounds.

${goals}

## Times

Best / median of a call, and the rate of the best.

${times}

## Memory plans

The arena of a compiled training step (loss and all gradients) against the least that its lifetimes need, and against a buffer for each
intermediate. Goal: at most 1.1 of the least.

${plans}
`;
}

await main();
