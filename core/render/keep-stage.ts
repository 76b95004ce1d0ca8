/**
 * A rewrite for row programs whose last fold and one of whose results share a costly expression, such as softmax, or a sum of what is
 * stored as well:
 *
 *     sum(exp(x - max)); out = exp(x - max) / sum   →   sum(out = exp(x - max)); out = out / sum
 *     sum(σ(x)); out = σ(x); total = sum            →   sum(out = σ(x)); total = sum
 *
 * so that it is computed once per element. The output serves as an operand of the results.
 */

import { isHeavy } from "../kernel/heavy.ts";
import type { Kernel, Output } from "../kernel/kernel.ts";
import { rewrite } from "../kernel/rewrite.ts";
import { cast, type Expr, load, postorder } from "../kernel/scalar-expr.ts";

/**
 * The kernel with its results cast to the outputs' dtypes and, where an output is `kept`, reading the last fold's elements from it
 * (operand number `operands.length + kept`): the fold has to store them there. It may be all that the output is, see `isStoredByFold`.
 */
export function keepLastStage(given: Kernel): { readonly kernel: Kernel; readonly kept: number | undefined } {
  const kernel = { ...given, outputs: given.outputs.map((o) => ({ ...o, result: cast(o.result, o.dtype) })) };
  const none = { kernel, kept: undefined };
  const last = kernel.reductions.at(-1);
  if (last === undefined || !postorder([last.of]).some(isHeavy)) return none;
  const mayKeep = (o: Output) =>
    o.each === "element" &&
    !o.accumulate &&
    o.storeAt === undefined &&
    o.dtype === last.of.dtype &&
    !o.access.includes("fixed") &&
    postorder([o.result]).includes(last.of);
  const kept = kernel.outputs.findIndex(mayKeep);
  if (kept < 0 || kernel.outputs.some((o) => o.each === "prefix")) return none;
  const stored = load(kernel.operands.length + kept, last.of.dtype);
  // What is stored once for a row may be of the same expression, if that is the same along the row: it reads no element.
  const results = kernel.outputs.map((o) =>
    o.each === "row" ? o.result : (rewrite([o.result], (e) => (e === last.of ? stored : undefined))[0] as Expr),
  );
  // Nothing else may move along the row: where an output shares memory with an operand, that operand is overwritten by now.
  const readsRow = (e: Expr) =>
    (e.kind === "load" && kernel.operands[e.operand]?.access.slice(kernel.rank - kernel.reduced).some((a) => a !== "fixed")) ||
    (e.kind === "load" && e.at !== undefined);
  if (postorder(results).some(readsRow)) return none;
  return { kernel: { ...kernel, outputs: kernel.outputs.map((o, i) => ({ ...o, result: results[i] as Expr })) }, kept };
}

/** True for an output, operand `number` of the kernel, of which the last fold has stored all. */
export function isStoredByFold({ result }: Output, number: number): boolean {
  return result.kind === "load" && result.operand === number;
}
