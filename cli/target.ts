/** What a command on one function is about: `FILE#EXPORT`, its arguments, and which of them are differentiated. */
import { BenchError } from "../core/base/errors.ts";
import type { Tree } from "../engines/engine.ts";
import { leavesOf } from "../harness/tree.ts";
import { parseJsonArgument } from "./json-argument.ts";

/** A `#` begins the export's name; the path before it may hold others. */
export function splitTarget(target: string): [string, string?] {
  const at = target.lastIndexOf("#");
  return at < 0 ? [target] : [target.slice(0, at), target.slice(at + 1)];
}

export function parseArguments(text: string): Tree[] {
  const args = parseJsonArgument(text, "--args");
  if (!Array.isArray(args))
    throw new BenchError("usage", "--args is an array with one entry per argument", {
      advice: `for one argument write --args '[${text}]'`,
    });
  return args as Tree[];
}

/** Arguments that are numbers, or arrays and records that hold numbers; an empty array is one of no numbers. */
export function differentiable(args: readonly Tree[]): number[] {
  return args.flatMap((arg, i) => (isDifferentiable(arg) ? [i] : []));
}

function isDifferentiable(arg: Tree): boolean {
  const leaves = leavesOf(arg);
  return leaves.length === 0 || leaves.some(({ value }) => typeof value === "number");
}

export function parseWrt(text: string, args: readonly Tree[]): number[] {
  const words = text.split(",").map((word) => word.trim());
  const wrt = words.map((word) => {
    const i = Number(word);
    if (!/^\d+$/.test(word) || i >= args.length)
      throw new BenchError("usage", `--wrt ${text}: ${word || "nothing"} is no index of the ${args.length} arguments`, {
        advice: "indices count from 0 and are separated by commas",
      });
    if (!isDifferentiable(args[i]))
      throw new BenchError("type", `--wrt ${text}: argument ${i} holds no numbers`, {
        advice: "only numbers, and arrays and records of them, are differentiated",
      });
    return i;
  });
  return [...new Set(words)].length === words.length ? wrt : [...new Set(wrt)];
}
