/** What engines make of a random program, and the least program that is left of one that fails. */
import { BenchError } from "../../core/base/errors.ts";
import { programTransform } from "../../engines/program-transform/engine.ts";
import { tape } from "../../engines/tape/engine.ts";
import { loadModule, loadProgram } from "../../loader/load.ts";
import type { RandomProgram, Statement } from "./random-program.ts";

export type Finding =
  | { readonly kind: "same" }
  /** The tape, or JavaScript, does not run it, or numbers grow so that there is nothing to compare. */
  | { readonly kind: "skipped" }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "wrong"; readonly detail: string };

/** Value and gradient by transformation, by the tape, and the value of the program as it stands. */
export function compareProgram({ source, args }: { readonly source: string; readonly args: readonly number[] }): Finding {
  const program = () => loadProgram({ file: "random.ts", source });
  const wrt = [0, 1];
  let wanted: readonly number[];
  let plain: (...a: number[]) => number;
  try {
    plain = loadModule({ file: "random.ts", source }, tape.intrinsics).exports.f as typeof plain;
    const { value, grad } = tape.prepare(program(), args, wrt).valueAndGrad(args);
    wanted = [value as number, grad[0] as number, grad[1] as number];
  } catch (error) {
    if (error instanceof BenchError || throws(() => plain(...args))) return { kind: "skipped" };
    throw error;
  }
  if (!wanted.every((v) => Number.isFinite(v) && Math.abs(v) < 1e6)) return { kind: "skipped" };
  let found: readonly number[];
  try {
    const { value, grad } = programTransform.prepare(program(), args, wrt).valueAndGrad(args);
    found = [value as number, grad[0] as number, grad[1] as number];
  } catch (error) {
    if (!(error instanceof BenchError)) return { kind: "wrong", detail: `it ends with ${(error as Error).stack}` };
    if (error.kind === "runtime") return { kind: "wrong", detail: `it ends with ${error.message}` };
    return { kind: "refused", reason: error.message };
  }
  const names = ["value", "∂x", "∂y"];
  const far = found.findIndex((v, i) => !(Math.abs(v - (wanted[i] as number)) <= 1e-9 * (1 + Math.abs(wanted[i] as number))));
  if (far >= 0) return { kind: "wrong", detail: `${names[far]} is ${found[far]}, by the tape ${wanted[far]}` };
  for (const i of wrt) {
    const [coarse, fine] = [1e-5, 1e-6].map((h) => {
      const at = (d: number) => plain(...args.map((a, k) => (k === i ? a + d : a)));
      return (at(h) - at(-h)) / (2 * h);
    }) as [number, number];
    const slope = found[i + 1] as number;
    const bound = 1e-4 * (1 + Math.abs(fine));
    // Where two steps differ there is a kink or a jump nearby.
    if (Math.abs(coarse - fine) < bound && Math.abs(slope - fine) > 10 * bound)
      return { kind: "wrong", detail: `${names[i + 1]} is ${slope}, by differences ${fine}` };
  }
  return { kind: "same" };
}

function throws(run: () => unknown): boolean {
  try {
    run();
    return false;
  } catch {
    return true;
  }
}

/** Leaves statements out for as long as the program still fails. */
export function minimised(program: RandomProgram, fails: (p: RandomProgram) => boolean): RandomProgram {
  let body = program.body;
  for (;;) {
    const smaller = variants(body).find((b) => fails({ ...program, body: b }));
    if (smaller === undefined) return { ...program, body };
    body = smaller;
  }
}

/** The lists with one statement less, or with a block in place of its statement; nesting is bounded by the generator. */
function variants(list: readonly Statement[]): (readonly Statement[])[] {
  return list.flatMap((s, i) => {
    const put = (...instead: readonly Statement[]) => [...list.slice(0, i), ...instead, ...list.slice(i + 1)];
    if (typeof s === "string") return [put()];
    const inner = s.blocks.flatMap((b, k) => variants(b).map((v) => put({ ...s, blocks: s.blocks.map((old, j) => (j === k ? v : old)) })));
    return [put(), ...s.blocks.map((b) => put(...b)), ...inner];
  });
}
