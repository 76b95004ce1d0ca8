struct k0_args { void *p[4]; tg_narrow n[16]; };

extern "C" __global__ void __launch_bounds__(256) k0(const k0_args a) {
  tg_f32 *const p0 = (tg_f32 *)a.p[0];
  const tg_narrow s9 = a.n[9];
  tg_i32 *const p1 = (tg_i32 *)a.p[1];
  tg_f32 *const p2 = (tg_f32 *)a.p[2];
  const tg_narrow s8 = a.n[8];
  for (tg_narrow g = (tg_narrow)blockIdx.x * blockDim.x + threadIdx.x; g < a.n[11]; g += (tg_narrow)gridDim.x * blockDim.x) {
    const tg_narrow r1 = tg_quotient(g, a.n[6], a.n[7]);
    const tg_narrow i1 = g - r1 * a.n[5];
    const tg_narrow i0 = r1;
    tg_i32 *const p1_0 = p1 + i0;
    tg_f32 *const p2_0 = p2 + i0 * s8;
    tg_f32 *const p0_1 = p0 + i1;
    tg_f32 *const p2_0_1 = p2_0 + i1;
    const tg_i32 t0 = p1_0[0];
    const bool g1 = (tg_wide)t0 >= 0 && (tg_wide)t0 < (tg_wide)a.n[10]; if (!g1) tg_report(a.p[3], a.n[15], 0, t0, (tg_wide)i0);
    const tg_f32 t1 = (g1 ? p0_1[(tg_narrow)t0 * s9] : (tg_f32)0);
    p2_0_1[0] = t1;
  }
}
