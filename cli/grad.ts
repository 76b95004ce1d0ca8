/**
 * `bench grad FILE[#EXPORT] --args JSON`: value and gradient of any exported function. Always prints one JSON line, the result or
 * the refusal, and never a number that is not the derivative: what an engine cannot differentiate is an error with its place.
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Command } from "commander";
import { execa } from "execa";
import { BenchError } from "../core/base/errors.ts";
import { openDevice, readyDevice } from "../core/device/registry.ts";
import { scope } from "../core/tensor/scope.ts";
import { Tensor, useDevice } from "../core/tensor/tensor.ts";
import type { Prepared, Tree } from "../engines/engine.ts";
import { engineByName } from "../engines/registry.ts";
import { mapLeaves } from "../harness/tree.ts";
import { loadProgram } from "../loader/load.ts";
import type { CommandMaker } from "./command.ts";
import { addCommonOptions, type CommonOptions, chosenDevices, oneDType, oneEngine, parseInteger, refusePeers } from "./options.ts";
import type { Output } from "./output.ts";
import { differentiable, parseArguments, parseWrt, splitTarget } from "./target.ts";

interface GradOptions extends CommonOptions {
  readonly args: string;
  readonly wrt?: string;
  readonly order?: number;
  readonly checkNumerics?: boolean;
  readonly watch?: string;
}

export const gradCommand: CommandMaker = ({ output, finish, argv }) =>
  addCommonOptions(
    new Command("grad")
      .description("value and gradient of an exported TypeScript function")
      .argument("<file[#export]>", "the file and the name of the function in it (f where absent)")
      .requiredOption("--args <json>", "array of the arguments")
      .option("--wrt <indices>", "arguments to differentiate, as 0,2 (all that are or hold numbers)")
      .option("--order <n>", "also the first n derivatives of a function of one number", parseInteger)
      .option("--check-numerics", "stop at the first NaN or infinity and name its node, line and inputs (graph engine)")
      .option("--watch <names>", "print the values of nodes, as 'while_*/body/log_*' (graph engine), to stderr"),
  ).action(async (target: string, options: GradOptions) => {
    if (options.timeout === undefined) output.json(await gradient(target, options, output));
    else finish(await withinTime(argv, options.timeout, output));
  });

/** A program that never ends cannot be stopped from inside, so with --timeout the same command runs in a process of its own. */
async function withinTime(argv: readonly string[], seconds: number, output: Output): Promise<number> {
  const words = argv.filter((word, i) => !word.startsWith("--timeout") && argv[i - 1] !== "--timeout");
  const script = process.argv[1] as string;
  const child = await execa(process.execPath, [script, ...words], {
    reject: false,
    stdin: "ignore",
    stderr: "inherit",
    timeout: seconds * 1000,
    killSignal: "SIGKILL",
  });
  if (child.timedOut)
    throw new BenchError("runtime", `the program gave no result within ${seconds} s`, { advice: "give it a larger --timeout" });
  if (child.exitCode === undefined) throw new BenchError("runtime", `the process ended by ${child.signal ?? "an unknown cause"}`);
  output.text(`${child.stdout}\n`);
  return child.exitCode;
}

async function gradient(target: string, options: GradOptions, output: Output): Promise<Record<string, unknown>> {
  refusePeers(options.peer);
  if (oneDType(options.dtype, "f64") === "f32") {
    throw new BenchError("usage", "numbers of a TypeScript program are float64, so --dtype f32 would not be what is computed", {
      advice: "leave --dtype out",
    });
  }
  const [file = "", exportName = "f"] = splitTarget(target);
  const args = parseArguments(options.args);
  const wrt = options.wrt === undefined ? differentiable(args) : parseWrt(options.wrt, args);
  const engine = engineByName(oneEngine(options.engine));
  const name = chosenDevices(options.device, "auto")[0] ?? "auto";
  await readyDevice(name);
  const device = openDevice(name);
  if (!existsSync(file)) throw new BenchError("usage", `no file ${file}`, { advice: "the program is named by the path of its .ts file" });
  useDevice(device);
  const prepared = engine.prepare(loadProgram({ file: resolve(file) }, exportName), args, wrt);
  const result = scope(() => {
    const { value, grad } = evaluate(prepared, args, options, engine.name, output);
    return { value: plain(value), grad: args.map((_, i) => (wrt.includes(i) ? plain(grad[i]) : null)) };
  });
  const derivatives = options.order === undefined ? {} : { derivatives: higherDerivatives(prepared, args, options.order) };
  return { ...result, ...derivatives, engine: engine.name, device: device.name, dtype: "f64" };
}

/** Value and gradient, under watch where that is asked for. */
function evaluate(prepared: Prepared, args: readonly Tree[], { checkNumerics, watch }: GradOptions, engine: string, output: Output) {
  if (!checkNumerics && watch === undefined) return prepared.valueAndGrad(args);
  if (prepared.watched === undefined)
    throw new BenchError("usage", `the ${engine} engine has no nodes to watch`, { advice: "take --engine graph" });
  return prepared.watched(args, {
    stopOn: checkNumerics ? "nonfinite" : undefined,
    watch: watch === undefined ? undefined : { pattern: watch, onValue: ({ text }) => output.say(text) },
  });
}

function higherDerivatives(prepared: Prepared, args: readonly Tree[], order: number): unknown[] {
  const [x] = args;
  if (args.length !== 1 || typeof x !== "number")
    throw new BenchError("usage", "--order is for functions of one number", { advice: "--args holds one number then" });
  if (order < 1) throw new BenchError("usage", `--order ${order}: the first derivative has order 1`);
  return scope(() => prepared.derivatives(x, order))
    .slice(1)
    .map(plainNumber);
}

/** JSON of a value or gradient: tensors of one element are numbers; a number that JSON lacks is its name, never null. */
function plain(tree: unknown): unknown {
  return mapLeaves(tree, (leaf) => {
    if (typeof leaf === "number") return plainNumber(leaf);
    if (leaf instanceof Tensor) return leaf.shape.length === 0 ? plainNumber(leaf.item()) : Array.from(leaf.toArray(), plainNumber);
    return leaf ?? null;
  });
}

function plainNumber(x: number): number | string {
  return Number.isFinite(x) ? x : String(x);
}
