/**
 * What operators give where it is a matter of convention, found by running them on the reference device: elementwise functions and
 * their derivatives at 0, at infinities and NaN; reductions of no elements, of a NaN, of ties.
 */
import { BenchError } from "../../core/base/errors.ts";
import { openDevice } from "../../core/device/registry.ts";
import * as ops from "../../core/ops.ts";
import { createTensor, scope, sum, type Tensor } from "../../core/ops.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import { grad } from "../../engines/tape/transforms.ts";

type Fn = (...args: unknown[]) => unknown;
type Operator = (...args: readonly unknown[]) => Tensor;

const POINTS = [0, 1, -1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
const PAIRS = [
  [0, 0],
  [1, 1],
  [0, 1],
  [1, 0],
  [Number.NaN, 1],
] as const; // prettier-ignore

const number = (x: number): string => {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "NaN" : x > 0 ? "∞" : "-∞";
  return Number.isInteger(x) ? String(x + 0) : String(Number(x.toPrecision(4)));
};
const vector = (values: readonly number[]) => createTensor(values, [values.length], "f64");
const list = (values: Iterable<number>) => [...values].map(number).join(", ");
/** What `what` gives, or that it is refused. */
function answer(what: () => string): string {
  try {
    return scope(() => what());
  } catch (error) {
    if (error instanceof BenchError) return "refused";
    throw error;
  }
}

const table = (heads: readonly string[], rows: readonly (readonly string[])[]) =>
  [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

const operators: Readonly<Record<string, unknown>> = ops;
const operator = (name: string) => operators[name] as Operator;

/** The gradient of the sum of f at a vector. */
const slope = (f: (x: Tensor) => Tensor, x: Tensor): Iterable<number> => (grad(((y: Tensor) => sum(f(y))) as Fn)(x) as Tensor).toArray();

/** Values at the points, then derivatives at 0 and 1. */
export function unaryTable(names: readonly string[]): string {
  useDevice(openDevice("interpreter"));
  const row = (name: string) => {
    const f = operator(name);
    return [
      `\`${name}\``,
      ...POINTS.map((p) => answer(() => list(f(vector([p])).toArray()))),
      ...[0, 1].map((p) => answer(() => list(slope((x) => f(x), vector([p]))))),
    ];
  };
  return table(["f", ...POINTS.map((p) => `f(${number(p)})`), "f′(0)", "f′(1)"], names.map(row));
}

/** Values at pairs, each with the derivatives by both operands. */
export function binaryTable(names: readonly string[]): string {
  useDevice(openDevice("interpreter"));
  const row = (name: string) => {
    const f = operator(name);
    const cell = ([a, b]: readonly [number, number]) => {
      const value = answer(() => list(f(vector([a]), vector([b])).toArray()));
      const slopes = answer(() => {
        const [x, y] = [vector([a]), vector([b])];
        return ` (${list(slope((z) => f(z, y), x))}; ${list(slope((z) => f(x, z), y))})`;
      });
      return slopes === "refused" ? value : value + slopes;
    };
    return [`\`${name}\``, ...PAIRS.map(cell)];
  };
  return table(["f", ...PAIRS.map(([a, b]) => `f(${number(a)}, ${number(b)})`)], names.map(row));
}

/** Over all elements: of none, of one in no axis, with a NaN, and the derivative at ties and where all is 0. */
export function reductionTable(names: readonly string[]): string {
  useDevice(openDevice("interpreter"));
  const row = (name: string) => {
    const f = operator(name);
    return [
      `\`${name}\``,
      answer(() => list(f(vector([])).toArray())),
      answer(() => list(f(createTensor([3], [], "f64")).toArray())),
      answer(() => list(f(vector([1, Number.NaN, 2])).toArray())),
      answer(() => list(slope((x) => f(x), vector([1, 2, 2])))),
      answer(() => list(slope((x) => f(x), vector([0, 0])))),
    ];
  };
  return table(["f", "of no elements", "of 3, no axes", "with a NaN", "gradient at [1, 2, 2]", "gradient at [0, 0]"], names.map(row));
}
