/**
 * The options that commands share, and what they mean: which engines, devices and dtypes a command works on. Names are checked
 * against the registries when a command runs, so that --help needs neither.
 */
import { type Command, InvalidArgumentError } from "commander";
import type { FloatDType } from "../core/base/dtype.ts";
import { BenchError } from "../core/base/errors.ts";
import type { DeviceName } from "../core/device/device.ts";
import { describeDevices, openDevice } from "../core/device/registry.ts";
import type { EngineName } from "../engines/engine.ts";
import { engines as registered } from "../engines/registry.ts";
import { findPeers } from "../harness/peers.ts";

export interface CommonOptions {
  readonly engine?: readonly string[];
  readonly device?: readonly string[];
  readonly dtype?: readonly FloatDType[];
  readonly seed: number;
  /** Seconds. */
  readonly timeout?: number;
  readonly peer?: readonly string[];
  readonly json?: boolean;
  /** False with --no-progress. */
  readonly progress: boolean;
}

const DEFAULT_SEED = 20180314;

export function addCommonOptions(command: Command): Command {
  return command
    .option("--engine <name>", "tape, graph, program-transform or all (repeatable)", collect)
    .option("--device <name>", "auto, wasm, native, cuda, tfjs, interpreter or null (repeatable)", collect)
    .option("--dtype <dtype>", "f32 or f64 (repeatable)", collectDTypes)
    .option("--seed <n>", "seed of data, directions and order", parseInteger, DEFAULT_SEED)
    .option("--timeout <seconds>", "time for one cell or case", parsePositive)
    .option("--peer <name>", "also run a peer system (repeatable; all)", collect)
    .option("--json", "JSON Lines on stdout, everything else on stderr")
    .option("--no-progress", "plain lines instead of a progress line");
}

/** The engines asked for; every registered one for `all` or nothing. Throws a usage error that lists them. */
export function chosenEngines(words: readonly string[] = ["all"]): EngineName[] {
  const names = registered.map((engine) => engine.name);
  const chosen = words.flatMap((word): EngineName[] => {
    if (word === "all") return names;
    const name = names.find((n) => n === word);
    if (name === undefined) throw new BenchError("usage", `no engine ${word}`, { advice: `engines are ${names.join(", ")} and all` });
    return [name];
  });
  return [...new Set(chosen)];
}

/** The one engine of a command that works on one; the first registered where none is named. */
export function oneEngine(words: readonly string[] | undefined): EngineName {
  const [first, second] = chosenEngines(words ?? registered.slice(0, 1).map((engine) => engine.name));
  if (first === undefined || second !== undefined)
    throw new BenchError("usage", "name one engine", { advice: `engines are ${chosenEngines().join(", ")}` });
  return first;
}

/** The one dtype of a command that works on one. */
export function oneDType([first, second]: readonly FloatDType[] = [], otherwise: FloatDType): FloatDType {
  if (second !== undefined) throw new BenchError("usage", "name one dtype", { advice: "dtypes are f32 and f64" });
  return first ?? otherwise;
}

/**
 * The devices asked for. Where none is named: `auto`, or every device of this machine that computes at speed.
 * Throws a usage error for a name that is no device, an environment error for one that is not available here.
 */
export function chosenDevices(words: readonly string[] | undefined, otherwise: "auto" | "every"): DeviceName[] {
  const known = describeDevices();
  if (words === undefined && otherwise === "every") {
    return known.filter((device) => device.available && device.automatic).map((device) => device.name);
  }
  const chosen = (words ?? ["auto"]).map((word): DeviceName => {
    if (word === "auto") return openDevice("auto").name;
    const device = known.find((d) => d.name === word);
    if (device === undefined)
      throw new BenchError("usage", `no device ${word}`, { advice: `devices are auto, ${known.map((d) => d.name).join(", ")}` });
    if (!device.available) {
      throw new BenchError("environment", `the device ${word} is not available here: ${device.detail}`, {
        advice: `available are ${known.flatMap((d) => (d.available ? [d.name] : [])).join(", ")}; see bench doctor`,
      });
    }
    return device.name;
  });
  return [...new Set(chosen)];
}

/** Refuses peers that are asked for: unknown names are usage errors, others say what is missing. */
export function refusePeers(words: readonly string[] | undefined): void {
  if (words === undefined) return;
  const peers = findPeers();
  for (const word of words) {
    const peer = peers.find((p) => p.name === word);
    if (peer === undefined && word !== "all")
      throw new BenchError("usage", `no peer ${word}`, { advice: `peers are ${peers.map((p) => p.name).join(", ")} and all` });
    const found = peer?.version ? `${peer.name} ${peer.version} is installed, but this` : "this";
    throw new BenchError("environment", `${found} version of the harness runs no peers`, { advice: "leave --peer out" });
  }
}

function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

function collectDTypes(value: string, before: readonly FloatDType[] = []): FloatDType[] {
  if (value !== "f32" && value !== "f64") throw new InvalidArgumentError("It is f32 or f64.");
  return [...new Set([...before, value] as const)];
}

export function parseInteger(value: string): number {
  const n = Number(value);
  if (value.trim() === "" || !Number.isSafeInteger(n)) throw new InvalidArgumentError("It is an integer.");
  return n;
}

function parsePositive(value: string): number {
  const n = Number(value);
  if (!(n > 0) || !Number.isFinite(n)) throw new InvalidArgumentError("It is a number of seconds above 0.");
  return n;
}
