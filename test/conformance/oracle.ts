/**
 * Oracles that know nothing of the rules: central differences in float64 with one Richardson step, and the identity
 * <ct, J t> = <Jᵀ ct, t> between the two modes.
 */

/** d/de of f(x + e·t) at e = 0, componentwise; error O(h⁴). */
export function directional(
  f: (x: readonly Float64Array[]) => Float64Array,
  x: readonly Float64Array[],
  t: readonly Float64Array[],
  h = 1e-3,
): Float64Array {
  const at = (e: number) => f(x.map((v, i) => v.map((u, j) => u + e * ((t[i] as Float64Array)[j] as number))));
  const slope = (e: number) => {
    const above = at(e);
    const below = at(-e);
    return above.map((v, i) => (v - (below[i] as number)) / (2 * e));
  };
  const coarse = slope(h);
  return slope(h / 2).map((v, i) => (4 * v - (coarse[i] as number)) / 3);
}

export function dot(a: readonly Float64Array[], b: readonly Float64Array[]): number {
  return a.reduce((s, v, i) => v.reduce((p, u, j) => p + u * ((b[i] as Float64Array)[j] as number), s), 0);
}

/** max |got - want| / max(1, max |want|). */
export function worst(got: Float64Array, want: Float64Array): number {
  const scale = want.reduce((m, v) => Math.max(m, Math.abs(v)), 1);
  return want.reduce(
    (m, v, i) => {
      const e = Math.abs((got[i] as number) - v) / scale;
      return Number.isNaN(e) ? Number.POSITIVE_INFINITY : Math.max(m, e);
    },
    got.length === want.length ? 0 : Number.POSITIVE_INFINITY,
  );
}
