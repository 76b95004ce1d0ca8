/** The determinant of a matrix of side l by Laplace expansion along the first row, recursively. */
function minorsOf(A: readonly number[], l: number, row: number, columns: readonly number[]): number {
  if (columns.length === 0) return 1;
  let total = 0;
  let sign = 1;
  for (let i = 0; i < columns.length; i++) {
    const c = columns[i] as number;
    const rest = columns.filter((_, k) => k !== i);
    total += sign * (A[row * l + c] as number) * minorsOf(A, l, row + 1, rest);
    sign = -sign;
  }
  return total;
}

export function f(A: readonly number[], l: number): number {
  const columns = Array.from({ length: l }, (_, i) => i);
  return minorsOf(A, l, 0, columns);
}
