struct k0_args { void *p[2]; tg_narrow n[15]; };

extern "C" __global__ void __launch_bounds__(256) k0(const k0_args a) {
  tg_f32 *const p0 = (tg_f32 *)a.p[0];
  const tg_narrow s8 = a.n[8];
  tg_f32 *const p1 = (tg_f32 *)a.p[1];
  const tg_narrow s9 = a.n[9];
  const int member = threadIdx.x;
  for (tg_narrow row = (tg_narrow)blockIdx.x * blockDim.y + threadIdx.y; row < a.n[10]; row += (tg_narrow)gridDim.x * blockDim.y) {
    const tg_narrow i0 = row;
    tg_f32 *const p0_0 = p0 + i0 * s8;
    tg_f32 *const p1_0 = p1 + i0 * s9;
    int32_t a0 = tg_key_f32(-TG_INF_F32, 0);
     {
      #pragma unroll 4
      for (tg_narrow r = 0 + member; r < a.n[11]; r += 32) {
        const tg_narrow i1 = r;
        tg_f32 *const p0_0_1 = p0_0 + i1;
        tg_f32 *const p1_0_1 = p1_0 + i1;
        const tg_f32 t0 = p0_0_1[0];
        const int32_t k = tg_key_f32(t0, INT32_MAX);
        a0 = k > a0 ? k : a0;
      }
    }
    for (int d = 16; d > 0; d >>= 1) {
      const int32_t k = __shfl_xor_sync(0xffffffffu, a0, d);
      a0 = k > a0 ? k : a0;
    }
    const tg_f32 t1 = tg_unkey_f32(a0);
    double a1 = 0;
     {
      #pragma unroll 4
      for (tg_narrow r = 0 + member; r < a.n[11]; r += 32) {
        const tg_narrow i1 = r;
        tg_f32 *const p0_0_1 = p0_0 + i1;
        tg_f32 *const p1_0_1 = p1_0 + i1;
        const tg_f32 t0 = p0_0_1[0];
        const tg_f32 t2 = t0 - t1;
        const tg_f32 t3 = tg_exp_f32(t2);
        const double k = (double)t3;
        a1 = a1 + k;
      }
    }
    for (int d = 16; d > 0; d >>= 1) {
      const double k = __shfl_xor_sync(0xffffffffu, a1, d);
      a1 = a1 + k;
    }
    const tg_f32 t4 = (float)a1;
     {
      #pragma unroll 4
      for (tg_narrow r = 0 + member; r < a.n[11]; r += 32) {
        const tg_narrow i1 = r;
        tg_f32 *const p0_0_1 = p0_0 + i1;
        tg_f32 *const p1_0_1 = p1_0 + i1;
        const tg_f32 t0 = p0_0_1[0];
        const tg_f32 t2 = t0 - t1;
        const tg_f32 t3 = tg_exp_f32(t2);
        const tg_f32 t5 = t3 / t4;
        p1_0_1[0] = t5;
      }
    }
  }
}
