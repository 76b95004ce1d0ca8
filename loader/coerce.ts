/**
 * What a value of a running program is to an operator. Traced numbers and tensors are *carried* values: the operations of
 * `core/ops.ts` act on them. Everything else is JavaScript's own and is coerced as JavaScript does, except that an array or a
 * record is never read as a number: the text in between would drop the derivatives of its elements.
 */
import { type BenchError, mismatch, unsupported } from "../core/base/errors.ts";
import { Tensor } from "../core/tensor/tensor.ts";
import { innermost, isTextOfTraced, Traced, type Value } from "../core/tensor/traced.ts";

export function isCarried(x: unknown): x is Traced | Tensor {
  return x instanceof Traced || x instanceof Tensor;
}

/** The number inside a traced number; anything else unchanged. `use` completes "a tensor is used as ...". */
export function plain(x: unknown, use: string): unknown {
  if (typeof x !== "object" || x === null || !isCarried(x)) return x;
  const inner = innermost(x);
  if (typeof inner !== "number") throw tensorAs(use);
  return inner;
}

/** Like {@link plain} for values that may be tensors: those come back as they are. */
export function show(x: unknown): unknown {
  return isCarried(x) ? innermost(x) : x;
}

export function tensorAs(use: string): BenchError {
  return unsupported(
    `a tensor is used as ${use}`,
    "select with where(lt(a, b), x, y) of core/ops, or reduce it to a number outside of the differentiated program",
  );
}

/** An operand of an arithmetic operation: a carried value as it is, anything else as JavaScript's number. */
export function operand(x: unknown): Value {
  if (typeof x === "number" || isCarried(x)) return x;
  if (typeof x === "object" && x !== null) return objectOperand(x);
  if (typeof x === "bigint") throw new TypeError("Cannot mix BigInt and other types, use explicit conversions");
  if (typeof x === "string") notReadBack(x);
  return Number(x);
}

/** Refuses the text of a traced number where it is read as a number again: the derivative was lost on the way, without a word. */
export function notReadBack(text: string): void {
  if (!isTextOfTraced(text)) return;
  throw unsupported(
    `the text "${text}" of a number that is being differentiated is read back as a number, which drops its derivative`,
    "use the number itself, or round it with toFixed where no derivative is meant",
  );
}

/** An object with a `valueOf` of its own stands for that value. */
function objectOperand(x: object): Value {
  const value = x.valueOf() as unknown;
  if (value !== x) return operand(value);
  throw mismatch(`${Array.isArray(x) ? "an array" : "a record"} is used as a number`, "name the element or the property that is meant");
}

const INDEX_ADVICE = "exclude it from differentiation (--wrt) or take Math.floor/Math.trunc of it";

/** A property key or index; a traced number there would be looked up by its text. */
export function indexRefused(x: unknown): BenchError {
  if (x instanceof Tensor || (x instanceof Traced && typeof innermost(x) !== "number"))
    return unsupported("a tensor is used as an index", "gather with indexSelect, gather or embedding of core/ops");
  return unsupported("a number that is being differentiated is used as an index", INDEX_ADVICE);
}
