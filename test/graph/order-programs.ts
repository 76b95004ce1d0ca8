/**
 * Random straight-line programs over tensors of up to four axes, full of transposes: elementwise operations that broadcast, folds,
 * movements, products, convolutions, reshapes, and a loop now and then. What the layout pass works on.
 */
import fc from "fast-check";
import type { Tensor } from "../../core/ops.ts";
import * as ops from "../../core/ops.ts";

const { add, mul, sub, sin, tanh, gt, lt, where, transpose, reshape, sum, mean, reduceMax, whileLoop, createTensor } = ops;

/** What is done, to which value, with which other and how: each taken modulo what there is. */
export type Step = readonly [what: number, a: number, b: number, how: number];

export const orderSteps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.tuple(fc.nat(WAYS().length * 8), fc.nat(99), fc.nat(99), fc.nat(9999)),
  { minLength: 3, maxLength: 14 },
);

const LARGEST = 600;
const sizeOf = (shape: readonly number[]) => shape.reduce((n, d) => n * d, 1);

/** A permutation of so many axes by its number. */
function permutation(rank: number, number: number): number[] {
  const left = Array.from({ length: rank }, (_, i) => i);
  let rest = number;
  return Array.from({ length: rank }, () => {
    const [axis] = left.splice(rest % left.length, 1) as [number];
    rest = Math.floor(rest / (left.length + 1));
    return axis;
  });
}

const broadcasts = (a: Tensor, b: Tensor): boolean =>
  b.shape.every((d, i) => {
    const over = a.shape[a.shape.length - b.shape.length + i];
    return over !== undefined && (d === 1 || d === over);
  });

type Way = (a: Tensor, others: readonly Tensor[], how: number) => Tensor | undefined;

/** Each gives undefined where it cannot be done. */
function WAYS(): readonly Way[] {
  const turn: Way = (a, _, how) => (a.shape.length < 2 ? undefined : transpose(a, permutation(a.shape.length, how)));
  const axisOf = (a: Tensor, how: number) => how % Math.max(1, a.shape.length);
  /** A number for each axis: `value` for one of them, and `other` for the rest. */
  const along = (a: Tensor, axis: number, value: number, other: (i: number) => number) =>
    a.shape.map((_, i) => (i === axis ? value : other(i)));
  return [
    turn,
    turn,
    turn,
    (a) => sin(a) as Tensor,
    (a) => tanh(mul(a, 1.5) as Tensor) as Tensor,
    (a, others) => add(a, others.find((b) => broadcasts(a, b)) ?? 0.5) as Tensor,
    (a, others) => mul(a, others.find((b) => b !== a && broadcasts(a, b)) ?? a) as Tensor,
    (a, others) => sub(others.find((b) => b !== a && broadcasts(a, b)) ?? 2, a) as Tensor,
    (a, others) => where(gt(sin(a), 0.0123), others.find((b) => broadcasts(a, b)) ?? a, mul(a, 0.3) as Tensor) as Tensor,
    (a, _, how) => {
      const axes = a.shape.map((_, i) => i).filter((i) => (how >> i) & 1);
      const fold = how & 64 ? reduceMax : sum;
      return a.shape.length === 0 ? undefined : (fold(a, axes.length === 0 ? [0] : axes, Boolean(how & 32)) as Tensor);
    },
    (a, _, how) => {
      const axis = axisOf(a, how);
      if ((a.shape[axis] ?? 0) < 2) return undefined;
      return ops.slice(
        a,
        along(a, axis, 1, () => 0),
        a.shape,
        along(a, axis, 1 + (how % 2), () => 1),
      );
    },
    (a, _, how) => {
      const axis = axisOf(a, how);
      return a.shape.length === 0
        ? undefined
        : ops.pad(
            a,
            a.shape.map((_, i) => (i === axis ? [1, how % 2] : [0, 0])),
          );
    },
    (a, _, how) => (a.shape.length === 0 ? undefined : ops.flip(a, [axisOf(a, how)])),
    (a, others, how) => {
      const b = others.find((o) => o !== a && String(o.shape) === String(a.shape)) ?? a;
      return a.shape.length === 0 ? undefined : ops.concat([a, b], axisOf(a, how));
    },
    (a, others) => {
      const k = a.shape.at(-1);
      if (a.shape.length < 2) return undefined;
      const b = others.find((o) => o !== a && o.shape.length === 2 && o.shape[0] === k);
      return ops.matmul(a, b ?? transpose(a, [...a.shape.keys()].slice(0, -2).concat([a.shape.length - 1, a.shape.length - 2])));
    },
    (a) => {
      if (a.shape.length !== 4) return undefined;
      const weights = Array.from({ length: 2 * (a.shape[1] as number) }, (_, i) => Math.cos(i + 1));
      return ops.conv2d(a, createTensor(weights, [2, a.shape[1] as number, 1, 1], "f64"));
    },
    (a, _, how) => {
      const [first = 1, ...rest] = a.shape;
      if (how % 3 === 0) return reshape(a, [sizeOf(a.shape)]);
      return a.shape.length < 4 ? reshape(a, [first, 1, ...rest]) : reshape(a, [first * (rest[0] as number), ...rest.slice(1)]);
    },
    (a, _, how) => (a.shape.length < 4 ? ops.broadcastTo(a, [1 + (how % 3), ...a.shape]) : undefined),
    (a) => (a.shape.length > 0 ? ops.softmax(a, -1) : undefined),
    (a, _, how) => {
      const perm = permutation(a.shape.length, how);
      const back = perm.map((_, i) => perm.indexOf(i));
      const turned = (x: Tensor) => (perm.length < 2 ? x : transpose(x, perm));
      return whileLoop(
        ({ i }) => lt(i, how % 2 === 0 ? 2 : 30),
        ({ i, s }) => {
          const next = tanh(mul(turned(s), turned(s)) as Tensor) as Tensor;
          return { i: add(i, how % 2 === 0 ? 1 : 11), s: perm.length < 2 ? next : transpose(next, back) };
        },
        { i: 0, s: a },
      ).s;
    },
  ];
}

/** The mean of the last values that the steps make of three tensors. */
export const orderProgramOf =
  (steps: readonly Step[]) =>
  (x: Tensor, y: Tensor, z: Tensor): Tensor => {
    const values: Tensor[] = [x, y, z];
    const ways = WAYS();
    for (const [what, a, b, how] of steps) {
      const others = [...values.slice(b % values.length), ...values.slice(0, b % values.length)];
      const made = ways[what % ways.length]?.(values[values.length - 1 - (a % Math.min(values.length, 4))] as Tensor, others, how);
      if (made !== undefined && sizeOf(made.shape) <= LARGEST) values.push(made);
    }
    return values.slice(-4).reduce((total, v) => add(total, mean(sin(v) as Tensor)) as Tensor, mean(x) as Tensor);
  };
