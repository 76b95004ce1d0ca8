/**
 * Rules of factorisations and linear systems (Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
 * differentiation", 2008; Murray, "Differentiation of the Cholesky decomposition", 2016). All are written with systems and products
 * of the same vocabulary, so that they differentiate again.
 */
import type { Aval } from "../core/base/aval.ts";
import type { SolveParams, TriangularParams } from "../core/primitives/decomposition.ts";
import type { MatmulParams } from "../core/primitives/linalg.ts";
import type { Ops } from "../core/vocabulary.ts";
import { type InputRule, inputs, linear, type Site, zero } from "./rule.ts";

const N: MatmulParams = { transposeA: false, transposeB: false };
const AT: MatmulParams = { transposeA: true, transposeB: false };
const BT: MatmulParams = { transposeA: false, transposeB: true };

const orderOf = (a: Aval) => a.shape.at(-1) as number;

function turn<V>(op: Ops<V>, x: V, a: Aval): V {
  const last = a.shape.length - 1;
  return op.transpose(
    x,
    a.shape.map((_, i) => (i === last ? last - 1 : i === last - 1 ? last : i)),
  );
}

/** The identity, one for each matrix of the batch: ones with n zeros between them, folded to n rows. */
function identity<V>(op: Ops<V>, a: Aval): V {
  const n = orderOf(a);
  const ones = op.broadcastTo(op.lift(1, a.dtype), [n]);
  return op.broadcastTo(op.reshape(op.pad(ones, [0], [0], [n], 0), [n, n]), a.shape);
}

/** The mask of the lower or upper triangle with the diagonal, [n, n]. */
function triangle<V>(op: Ops<V>, a: Aval, lower: boolean): V {
  const n = orderOf(a);
  const count = op.cumsum(op.broadcastTo(op.lift(1, a.dtype), [n]), 0, false);
  const [i, j] = [op.reshape(count, [n, 1]), op.reshape(count, [1, n])];
  return lower ? op.ge(i, j) : op.le(i, j);
}

const keep = <V>(op: Ops<V>, x: V, a: Aval, lower: boolean): V => op.where(triangle(op, a, lower), x, 0);

/** A number for each matrix, spread over it. */
const overMatrix = <V>(op: Ops<V>, x: V, a: Aval): V => op.broadcastTo(op.reshape(x, [...a.shape.slice(0, -2), 1, 1]), a.shape);
const sumOverMatrix = <V>(op: Ops<V>, x: V, a: Aval): V => op.sum(x, [a.shape.length - 2, a.shape.length - 1], false);

/** A⁻ᵀ. */
const inverseTransposed = <V>(op: Ops<V>, s: Site<V, undefined>): V => op.solve(s.in(0), identity(op, s.inAval(0)), { transpose: true });

/** y(A) with derivative ẏ = <G, Ȧ>. */
function ofDeterminant(gradient: <V>(op: Ops<V>, s: Site<V, undefined>) => V): InputRule<undefined> {
  return linear(
    (op, t, s) => sumOverMatrix(op, op.mul(gradient(op, s), t), s.inAval(0)),
    (op, ct, s) => op.mul(overMatrix(op, ct, s.inAval(0)), gradient(op, s)),
  );
}

/**
 * The derivative along F of d cof(A)[E] = det A · (p W - W Eᵀ W), with W = A⁻ᵀ, p = <W, E>, q = <W, F>:
 * det A · ((pq - <W Eᵀ W, F>) W - p W Fᵀ W - q W Eᵀ W + W Eᵀ W Fᵀ W + W Fᵀ W Eᵀ W). By the inverse: NaN where A is singular.
 */
function thirdOfDeterminant<V>(op: Ops<V>, f: V, s: Site<V, undefined>): V {
  const a = s.inAval(0);
  const w = inverseTransposed(op, s);
  const det = overMatrix(op, op.det(s.in(0)), a);
  const we = op.matmul(op.matmul(w, s.in(1), BT), w, N);
  const wf = op.matmul(op.matmul(w, f, BT), w, N);
  const along = (x: V, y: V) => overMatrix(op, sumOverMatrix(op, op.mul(x, y), a), a);
  const [p, q] = [along(w, s.in(1)), along(w, f)];
  const twice = op.add(op.matmul(op.matmul(we, f, BT), w, N), op.matmul(op.matmul(wf, s.in(1), BT), w, N));
  const whole = op.sub(op.mul(w, op.sub(op.mul(p, q), along(we, f))), op.add(op.mul(p, wf), op.mul(q, we)));
  return op.mul(op.where(op.eq(det, 0), Number.NaN, det), op.add(whole, twice));
}

/** The lower triangle with its diagonal halved (Murray's Φ). */
function phi<V>(op: Ops<V>, x: V, a: Aval): V {
  const half = op.mul(identity(op, a), 0.5);
  return op.mul(keep(op, x, a, true), op.sub(1, half));
}

const symmetric = <V>(op: Ops<V>, x: V, a: Aval): V => op.mul(op.add(x, turn(op, x, a)), 0.5);

/** L⁻¹ X, or L⁻ᵀ X. */
const byFactor = <V>(op: Ops<V>, l: V, x: V, transpose: boolean): V => op.triangularSolve(l, x, { lower: true, transpose });

export const decompositionRules = {
  /**
   * L̇ = L Φ(L⁻¹ Ȧ L⁻ᵀ) and Ā = L⁻ᵀ Φ(Lᵀ L̄) L⁻¹, both symmetrised: A stands for (A + Aᵀ)/2. A tangent's antisymmetric part is
   * dropped, as it belongs to no symmetric matrix.
   */
  cholesky: inputs<undefined>(
    linear(
      (op, t, s) => {
        const a = s.inAval(0);
        const left = byFactor(op, s.out, symmetric(op, t, a), false);
        const both = byFactor(op, s.out, turn(op, left, a), false);
        return op.matmul(s.out, phi(op, both, a), N);
      },
      (op, ct, s) => {
        const a = s.inAval(0);
        const left = byFactor(op, s.out, phi(op, op.matmul(s.out, ct, AT), a), true);
        return symmetric(op, byFactor(op, s.out, turn(op, left, a), true), a);
      },
    ),
  ),
  /** op(A) X = B: Ẋ = op(A)⁻¹ (Ḃ - op(Ȧ) X), B̄ = op(A)⁻ᵀ X̄, Ā = -B̄ Xᵀ (turned where op turns), on the triangle that is read. */
  triangularSolve: inputs<TriangularParams>(
    {
      jvp: (op, t, s) => {
        const kept = keep(op, t, s.inAval(0), s.params.lower);
        return op.neg(op.triangularSolve(s.in(0), op.matmul(kept, s.out, s.params.transpose ? AT : N), s.params));
      },
      vjp: (op, ct, s) => {
        const b = op.triangularSolve(s.in(0), ct, { lower: s.params.lower, transpose: !s.params.transpose });
        const full = s.params.transpose ? op.matmul(s.out, b, BT) : op.matmul(b, s.out, BT);
        return op.neg(keep(op, full, s.inAval(0), s.params.lower));
      },
    },
    linear(
      (op, t, s) => op.triangularSolve(s.in(0), t, s.params),
      (op, ct, s) => op.triangularSolve(s.in(0), ct, { lower: s.params.lower, transpose: !s.params.transpose }),
    ),
  ),
  /** As for triangles, with the whole matrix. */
  solve: inputs<SolveParams>(
    {
      jvp: (op, t, s) => op.neg(op.solve(s.in(0), op.matmul(t, s.out, s.params.transpose ? AT : N), s.params)),
      vjp: (op, ct, s) => {
        const b = op.solve(s.in(0), ct, { transpose: !s.params.transpose });
        return op.neg(s.params.transpose ? op.matmul(s.out, b, BT) : op.matmul(b, s.out, BT));
      },
    },
    linear(
      (op, t, s) => op.solve(s.in(0), t, s.params),
      (op, ct, s) => op.solve(s.in(0), ct, { transpose: !s.params.transpose }),
    ),
  ),
  /** d det A = <cof A, dA>, for every A. */
  det: inputs<undefined>(ofDeterminant((op, s) => op.cofactors(s.in(0)))),
  /** The Hessian of det, a symmetric map. */
  cofactors: inputs<undefined>(
    linear(
      (op, t, s) => op.cofactorsTangent(s.in(0), t),
      (op, ct, s) => op.cofactorsTangent(s.in(0), ct),
    ),
  ),
  /** By A: the third derivative of det, symmetric in its three directions. By E: linear, and its own transpose. */
  cofactorsTangent: inputs<undefined>(
    linear(
      (op, t, s) => thirdOfDeterminant(op, t, s),
      (op, ct, s) => thirdOfDeterminant(op, ct, s),
    ),
    linear(
      (op, t, s) => op.cofactorsTangent(s.in(0), t),
      (op, ct, s) => op.cofactorsTangent(s.in(0), ct),
    ),
  ),
  /** d log |det A| = <A⁻ᵀ, dA>. */
  logabsdet: inputs<undefined>(ofDeterminant(inverseTransposed)),
  argsort: zero("a position"),
};
