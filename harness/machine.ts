/**
 * The machine record: what a timing depends on beside the code. Every probe may fail (no nvidia-smi, no cpufreq in a virtual
 * machine), and then says null or "unknown"; the record itself never fails a run.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { threadLimit } from "../core/device/threads.ts";
import { installedVersion, packageFacts, projectRoot } from "./root.ts";
import type { Machine } from "./schema.ts";

export function machineRecord(): Machine {
  return {
    cpu: probe(() => cpus()[0]?.model.trim() || "unknown", "unknown"),
    cores: probe(availableParallelism, 1),
    threads: threadLimit(),
    memoryBytes: probe(totalmem, 0),
    governor: probe(() => readLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"), null),
    loadAverage: probe(loadavg, []),
    os: probe(osName, process.platform),
    kernel: probe(release, "unknown"),
    node: process.version,
    v8: process.versions.v8,
    gpu: gpuRecord(),
    libraries: probe(libraryVersions, {}),
  };
}

/** The first NVIDIA GPU as nvidia-smi describes it; null where there is none. */
export function gpuRecord(): Machine["gpu"] {
  return probe(() => {
    const [name, driver, sm, mem, max] = askGpu("name,driver_version,clocks.sm,clocks.mem,clocks.max.sm");
    if (!name || !driver) return null;
    const [temperature, power, reasons] = probe(() => askGpu("temperature.gpu,power.draw,clocks_throttle_reasons.active"), []);
    const state = temperature === undefined ? {} : { state: `${temperature} °C, ${power}, throttled: ${throttling(reasons)}` };
    return { name, driver, clocks: `sm ${sm}, memory ${mem}, sm at most ${max}`, ...state };
  }, null);
}

/** Fields of the GPU that the device uses, by `nvidia-smi`. */
function askGpu(fields: string): string[] {
  const number = process.env.TRIGRAD_CUDA_DEVICE?.trim() || "0";
  const line = output("nvidia-smi", ["-i", number, `--query-gpu=${fields}`, "--format=csv,noheader"]).split("\n")[0] ?? "";
  return line.split(",").map((field) => field.trim());
}

/** Bits of NVML's clocks event reasons that hold clocks back; idle and an application's own setting do not count. */
const REASONS: readonly (readonly [number, string])[] = [
  [0x4, "power cap"],
  [0x8, "hardware slowdown"],
  [0x20, "software thermal"],
  [0x40, "hardware thermal"],
  [0x80, "hardware power brake"],
];

/** `none`, the reasons, or what nvidia-smi printed where it is no number. */
export function throttling(reasons: string | undefined): string {
  const bits = Number(reasons);
  if (reasons === undefined || !/^0x[0-9a-f]+$/i.test(reasons)) return reasons ?? "unknown";
  const names = REASONS.flatMap(([bit, name]) => ((bits & bit) !== 0 ? [name] : []));
  return names.length === 0 ? "none" : names.join(", ");
}

/** The commit of the project, `-dirty` appended where tracked files differ from it; null outside a checkout. */
export function commitOfProject(): string | null {
  return probe(() => {
    const commit = output("git", ["-C", projectRoot, "rev-parse", "HEAD"]);
    const changed = output("git", ["-C", projectRoot, "status", "--porcelain", "--untracked-files=no"]);
    return changed === "" ? commit : `${commit}-dirty`;
  }, null);
}

/** The first line of a program's output, trimmed; throws where the program is missing, fails or takes over 5 s. */
export function output(program: string, args: readonly string[]): string {
  return execFileSync(program, [...args], { encoding: "utf8", timeout: 5000, stdio: ["ignore", "pipe", "ignore"] }).trim();
}

/** The result, or `otherwise` where the probe throws. */
export function probe<T, U>(read: () => T, otherwise: U): T | U {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

function readLine(file: string): string {
  return readFileSync(file, "utf8").trim();
}

function osName(): string {
  return /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? process.platform;
}

function libraryVersions(): Record<string, string> {
  const versions: Record<string, string> = { trigrad: packageFacts().version };
  for (const name of [...packageFacts().dependencies, "@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node", "koffi"]) {
    const version = probe(() => installedVersion(join(name)), null);
    if (version) versions[name] = version;
  }
  return versions;
}
