/** y' = (x_0, x_1 y_0, x_2 y_1, ...) from y(0) = 0 to y(2) in s steps of the classical Runge-Kutta method. */
function slope(x: readonly number[], y: readonly number[]): number[] {
  return x.map((xi, i) => (i === 0 ? xi : xi * (y[i - 1] as number)));
}

function moved(y: readonly number[], k: readonly number[], h: number): number[] {
  return y.map((yi, i) => yi + h * (k[i] as number));
}

export function f(x: readonly number[], s: number): number[] {
  const h = 2 / s;
  let y = x.map(() => 0);
  for (let step = 0; step < s; step++) {
    const k1 = slope(x, y);
    const k2 = slope(x, moved(y, k1, h / 2));
    const k3 = slope(x, moved(y, k2, h / 2));
    const k4 = slope(x, moved(y, k3, h));
    y = y.map((yi, i) => yi + (h / 6) * ((k1[i] as number) + 2 * (k2[i] as number) + 2 * (k3[i] as number) + (k4[i] as number)));
  }
  return y;
}

/** The component whose gradient is asked for. */
export function last(x: readonly number[], s: number): number {
  return f(x, s)[x.length - 1] as number;
}
