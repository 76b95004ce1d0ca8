/**
 * The saddle of |p1|² - |p2|²: a descent in p1 whose every step runs an ascent in p2, differentiated through. `outerForward` and
 * `innerForward` choose the mode of either (Siskind and Pearlmutter 2008).
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

const squares = (p: Point) => p.reduce((total, v) => total + v * v, 0);
const height = (p1: Point, p2: Point) => squares(p1) - squares(p2);

const argmax = (f: (x: Point) => number, start: Point, forward: boolean) => argmin((x) => -f(x), start, forward);

export function f(start: Point, outerForward: boolean, innerForward: boolean): number[] {
  const worst = (p1: Point) => {
    const p2 = argmax((q) => height(p1, q), start, innerForward);
    return height(p1, p2);
  };
  const p1 = argmin(worst, start, outerForward);
  const p2 = argmax((q) => height(p1, q), start, innerForward);
  return [...p1, ...p2];
}
