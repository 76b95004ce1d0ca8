/** Newton's iteration for the square root: the number of steps depends on the value. */
export function f(x: number): number {
  let y = 0 * x + 1;
  while (Math.abs(y * y - x) > 1e-5) y = (y + x / y) / 2;
  return y;
}
