/**
 * A rewrite for row programs such as softmax, whose last fold and whose result share a costly expression:
 *
 *     sum(exp(x - max)); out = exp(x - max) / sum   →   sum(out = exp(x - max)); out = out / sum
 *
 * so that the exponential is computed once per element. The output serves as an operand of the result.
 */
import type { Kernel, Output } from "../kernel/kernel.ts";
import { binary, cast, compare, type Expr, load, operandsOf, postorder, select, type UnaryFn, unary } from "../kernel/scalar-expr.ts";

/** Functions of a few instructions. */
const LIGHT: ReadonlySet<UnaryFn> = new Set(["neg", "abs", "sign", "floor", "ceil", "trunc", "round", "sqrt", "not"]);

/** True for functions that take more than a few instructions. */
export function isHeavy(e: Expr): boolean {
  if (e.kind === "unary") return !LIGHT.has(e.fn);
  return e.kind === "binary" && (e.fn === "pow" || e.fn === "atan2" || e.fn === "hypot" || e.fn === "polygamma" || e.fn === "rem");
}

/**
 * The kernel with its result cast to the output's dtype and, where `kept`, reading the last fold's elements from the output
 * (operand number `operands.length`), where the fold has to store them.
 */
export function keepLastStage(given: Kernel): { readonly kernel: Kernel; readonly kept: boolean } {
  const kernel = { ...given, outputs: given.outputs.map((o) => ({ ...o, result: cast(o.result, o.dtype) })) };
  const last = kernel.reductions.at(-1);
  const [output, ...more] = kernel.outputs as [Output, ...Output[]];
  const fits =
    last !== undefined &&
    more.length === 0 &&
    output.each === "element" &&
    !output.accumulate &&
    output.storeAt === undefined &&
    output.dtype === last.of.dtype &&
    !output.access.includes("fixed") &&
    postorder([last.of]).some(isHeavy);
  if (!fits) return { kernel, kept: false };
  const result = replace(output.result, last.of, load(kernel.operands.length, output.dtype));
  // Nothing else may move along the row: where the output shares memory with an operand, that operand is overwritten by now.
  const readsRow = (e: Expr) =>
    (e.kind === "load" && kernel.operands[e.operand]?.access.slice(kernel.rank - kernel.reduced).some((a) => a !== "fixed")) ||
    (e.kind === "load" && e.at !== undefined);
  if (result === output.result || postorder([result]).some(readsRow)) return { kernel, kept: false };
  return { kernel: { ...kernel, outputs: [{ ...output, result }] }, kept: true };
}

/** `root` with every occurrence of `from` replaced by `to`. */
function replace(root: Expr, from: Expr, to: Expr): Expr {
  const done = new Map<Expr, Expr>([[from, to]]);
  for (const e of postorder([root])) {
    if (done.has(e)) continue;
    const args = operandsOf(e).map((arg) => done.get(arg) as Expr);
    done.set(e, args.every((arg, i) => arg === operandsOf(e)[i]) ? e : rebuild(e, args));
  }
  return done.get(root) as Expr;
}

function rebuild(e: Expr, args: readonly Expr[]): Expr {
  const [x, y, z] = args as [Expr, Expr, Expr];
  switch (e.kind) {
    case "load":
      return load(e.operand, e.dtype, x);
    case "unary":
      return unary(e.fn, x);
    case "binary":
      return binary(e.fn, x, y);
    case "compare":
      return compare(e.fn, x, y);
    case "select":
      return select(x, y, z);
    case "cast":
      return cast(x, e.dtype);
    default:
      return e;
  }
}
