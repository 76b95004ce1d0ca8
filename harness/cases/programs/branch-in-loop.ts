/** A branch on a value inside a counted loop. */
export function f(x: number, k: number): number {
  let y = x;
  for (let i = 0; i < k; i++) {
    if (y > 0.5) y = 1.1 * y + Math.sin(y);
    else y = y ** 2 + 0.3 * x + 0.2;
  }
  return y;
}
