/**
 * Square matrices taken apart: Cholesky factor, linear systems, determinants. The last two axes are the matrix, all before them a
 * batch. Each is one routine launch, since none is a loop nest; a matrix that has no answer gives inf or NaN, never an error.
 */
import { type Aval, aval, showAval } from "../base/aval.ts";
import { type FloatDType, isFloat } from "../base/dtype.ts";
import { mismatch } from "../base/errors.ts";
import { elementCount, sameShape } from "../base/shape.ts";
import type { RoutineLaunch } from "../kernel/launch.ts";
import type { Primitive } from "../primitive.ts";

export interface SolveParams {
  /** Solve Aᵀ X = B. */
  readonly transpose: boolean;
}

export interface TriangularParams extends SolveParams {
  /** Which triangle of A is read. */
  readonly lower: boolean;
}

function squareMatrix(name: string, a: Aval): number {
  const [n, m] = a.shape.slice(-2);
  if (a.shape.length < 2 || n !== m || !isFloat(a.dtype))
    throw mismatch(`${name} needs square matrices [..., n, n] of f32 or f64, but was given ${showAval(a)}`);
  return n as number;
}

function routine(name: RoutineLaunch["routine"], a: Aval, parts: Partial<RoutineLaunch> = {}): RoutineLaunch {
  return {
    kind: "routine",
    routine: name,
    dtype: a.dtype as FloatDType,
    batch: elementCount(a.shape.slice(0, -2)),
    n: a.shape.at(-1) as number,
    columns: 0,
    lower: true,
    transpose: false,
    descending: false,
    inputs: [0],
    ...parts,
  };
}

function ofMatrix(name: string, launch: RoutineLaunch["routine"], scalar: boolean): Primitive<undefined> {
  return {
    name,
    arity: 1,
    scalar: undefined,
    paramsKey: () => "",
    inferAval([x]) {
      const a = x as Aval;
      squareMatrix(name, a);
      return scalar ? aval(a.shape.slice(0, -2), a.dtype) : a;
    },
    lower: ([a]) => [routine(launch, a as Aval)],
  };
}

/** A[..., n, n], B[..., n, m] → X[..., n, m]; the batches are equal. */
function system(name: string, a: Aval, b: Aval): Aval {
  const n = squareMatrix(name, a);
  const fits =
    a.dtype === b.dtype &&
    a.shape.length === b.shape.length &&
    sameShape(a.shape.slice(0, -2), b.shape.slice(0, -2)) &&
    b.shape.at(-2) === n;
  if (!fits) throw mismatch(`${name} of ${showAval(a)} and ${showAval(b)}: needs A[..., n, n] and B[..., n, m] of one dtype`);
  return b;
}

const triangularSolve: Primitive<TriangularParams> = {
  name: "triangularSolve",
  arity: 2,
  scalar: undefined,
  paramsKey: (p) => `${p.lower ? "L" : "U"}${p.transpose ? "T" : ""}`,
  inferAval: ([a, b]) => system("triangularSolve", a as Aval, b as Aval),
  lower: ([a, b], _out, params) => [
    routine("triangularSolve", a as Aval, { ...params, columns: (b as Aval).shape.at(-1) as number, inputs: [0, 1] }),
  ],
};

const solve: Primitive<SolveParams> = {
  name: "solve",
  arity: 2,
  scalar: undefined,
  paramsKey: (p) => (p.transpose ? "T" : ""),
  inferAval: ([a, b]) => system("solve", a as Aval, b as Aval),
  lower: ([a, b], _out, params) => [
    routine("solve", a as Aval, { ...params, columns: (b as Aval).shape.at(-1) as number, inputs: [0, 1] }),
  ],
};

/** A[..., n, n], E[..., n, n] → the derivative of cof A along E. Linear in E and its own transpose: det has a symmetric Hessian. */
const cofactorsTangent: Primitive<undefined> = {
  name: "cofactorsTangent",
  arity: 2,
  scalar: undefined,
  paramsKey: () => "",
  inferAval([a, e]) {
    const x = system("cofactorsTangent", a as Aval, e as Aval);
    if (x !== a) throw mismatch(`cofactorsTangent of ${showAval(a as Aval)} and ${showAval(x)}: both need one shape`);
    return x;
  },
  lower: ([a]) => [routine("cofactors", a as Aval, { columns: (a as Aval).shape.at(-1) as number, inputs: [0, 1] })],
};

export const decompositionPrimitives = {
  /** Lower L with L Lᵀ = A; the lower triangle of A is read. */
  cholesky: ofMatrix("cholesky", "cholesky", false),
  triangularSolve,
  solve,
  det: ofMatrix("det", "determinant", true),
  /** ∂ det A / ∂A = det A · A⁻ᵀ, and what it tends to where A is singular. */
  cofactors: ofMatrix("cofactors", "cofactors", false),
  cofactorsTangent,
  /** log |det A|. */
  logabsdet: ofMatrix("logabsdet", "logDeterminant", true),
};
