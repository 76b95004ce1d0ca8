/**
 * A particle between two charges: the place of one charge is chosen so that the particle lands at the origin. The force is a
 * gradient inside the simulation, and the search for the minimum differentiates the simulation (Siskind and Pearlmutter 2008).
 * `forward` says, for each of the two, whether forward mode is used.
 */
type Point = readonly number[];

declare function grad(f: (x: Point) => number): (x: Point) => number[];
declare function jvp(f: (x: Point) => number, x: Point, dx: Point): [number, number];

/** The gradient in either mode. */
function gradient(f: (x: Point) => number, x: Point, forward: boolean): number[] {
  return forward
    ? x.map(
        (_, i) =>
          jvp(
            f,
            x,
            x.map((__, k) => (k === i ? 1 : 0)),
          )[1],
      )
    : grad(f)(x);
}

function distance(x: Point, px: number, py: number): number {
  return Math.sqrt(((x[0] as number) - px) ** 2 + ((x[1] as number) - py) ** 2);
}

const DT = 0.1;

/** The squared abscissa of the landing place, given the charge's place. */
export function landing(w: number, forward: boolean): number {
  const potential = (x: Point) => 1 / distance(x, 10, 10 - w) + 1 / distance(x, 10, 0);
  let x: Point = [0, 8];
  let v: Point = [0.75, 0];
  for (let step = 0; step < 100000; step++) {
    const slope = gradient(potential, x, forward);
    x = x.map((xi, i) => xi + DT * (v[i] as number));
    if ((x[1] as number) <= 0) {
      const tau = -(x[1] as number) / (v[1] as number);
      return ((x[0] as number) + tau * (v[0] as number)) ** 2;
    }
    v = v.map((vi, i) => vi - DT * (slope[i] as number));
  }
  throw new Error("the particle does not land");
}

const norm = (x: Point) => Math.sqrt(x.reduce((total, xi) => total + xi * xi, 0));

/** Gradient descent with a step that doubles after ten successes and halves after a failure. */
function argmin(f: (x: Point) => number, start: Point, forward: boolean): Point {
  let x = start;
  let fx = f(x);
  let g = gradient(f, x, forward);
  let i = 0;
  let eta = 1e-5;
  for (let step = 0; step < 1000000; step++) {
    if (norm(g) <= 1e-5) return x;
    if (i === 10) {
      eta *= 2;
      i = 0;
      continue;
    }
    const next = x.map((xi, k) => xi - eta * (g[k] as number));
    if (norm(x.map((xi, k) => xi - (next[k] as number))) <= 1e-5) return x;
    const fNext = f(next);
    if (fNext < fx) {
      x = next;
      fx = fNext;
      g = gradient(f, x, forward);
      i += 1;
    } else {
      eta /= 2;
      i = 0;
    }
  }
  throw new Error("gradient descent does not end");
}

export function f(w: number, outerForward: boolean, innerForward: boolean): number {
  return argmin((x) => landing(x[0] as number, innerForward), [w], outerForward)[0] as number;
}
