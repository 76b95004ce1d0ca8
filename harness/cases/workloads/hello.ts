/** GradBench's first workload: a square. */
export function f(x: number): number {
  return x * x;
}
