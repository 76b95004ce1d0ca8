/** Least squares of a step function by a polynomial with coefficients x at n equidistant points of [-1, 1]. */
export function f(x: readonly number[], n: number): number {
  let total = 0;
  for (let i = 0; i < n; i++) {
    const t = -1 + (2 * i) / (n - 1);
    let residual = Math.sign(t);
    let power = 1;
    for (const coefficient of x) {
      residual -= coefficient * power;
      power *= t;
    }
    total += residual ** 2;
  }
  return 0.5 * total;
}
