struct k0_args { void *p[4]; tg_narrow n[16]; };

extern "C" __global__ void __launch_bounds__(256) k0(const k0_args a) {
  tg_f32 *const p0 = (tg_f32 *)a.p[0];
  const tg_narrow s8 = a.n[8];
  tg_i32 *const p1 = (tg_i32 *)a.p[1];
  tg_f32 *const p2 = (tg_f32 *)a.p[2];
  const tg_narrow s9 = a.n[9];
  const int lane = threadIdx.x;
  for (tg_narrow w = (tg_narrow)blockIdx.x * blockDim.y + threadIdx.y; w < a.n[11]; w += (tg_narrow)gridDim.x * blockDim.y) {
    const tg_narrow others = w / a.n[14], part = w - others * a.n[14];
    const tg_narrow place = others / (1);
    const tg_narrow group = others - place * (1);
    const tg_narrow from = part * a.n[13], end = from + a.n[13];
    for (tg_narrow base = 0; base < a.n[12]; base += 32) {
      bool mine = false;
      if (base + lane < a.n[12]) {
        const tg_narrow t = base + lane;
        const tg_narrow i0 = t;
        tg_f32 *const p0_0 = p0 + i0 * s8;
        tg_i32 *const p1_0 = p1 + i0;
        const tg_i32 t0 = p1_0[0];
        mine = (tg_wide)t0 == place;
        if (place == 0 && part == 0) {
          const bool g1 = (tg_wide)t0 >= 0 && (tg_wide)t0 < (tg_wide)a.n[10]; if (!g1) tg_report(a.p[3], a.n[15], 0, t0, (tg_wide)i0);
        }
      }
      for (unsigned found = __ballot_sync(0xffffffffu, mine); found != 0; found &= found - 1) {
        const tg_narrow t = base + (__ffs(found) - 1);
        const tg_narrow i0 = t;
        tg_f32 *const p0_0 = p0 + i0 * s8;
        tg_i32 *const p1_0 = p1 + i0;
        const tg_i32 t0 = p1_0[0];
        const tg_narrow to = end < a.n[4] ? end : a.n[4];
        for (tg_narrow f = from + lane; f < to; f += 32) {
          const tg_narrow i1 = f;
          tg_f32 *const p0_0_1 = p0_0 + i1;
          tg_f32 *const p2_1 = p2 + i1;
          const tg_f32 t1 = p0_0_1[0];
          p2_1[(tg_narrow)t0 * s9] += t1;
        }
      }
    }
  }
}
