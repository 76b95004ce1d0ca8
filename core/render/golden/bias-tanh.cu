struct k0_args { void *p[3]; tg_narrow n[15]; };

extern "C" __global__ void __launch_bounds__(256) k0(const k0_args a) {
  tg_f32 *const p0 = (tg_f32 *)a.p[0];
  const tg_narrow s8 = a.n[8];
  tg_f32 *const p1 = (tg_f32 *)a.p[1];
  tg_f32 *const p2 = (tg_f32 *)a.p[2];
  const tg_narrow s9 = a.n[9];
  const bool aligned = (((tg_address)p0 | (tg_address)p1 | (tg_address)p2) & 15) == 0;
  for (tg_narrow g = (tg_narrow)blockIdx.x * blockDim.x + threadIdx.x; g < a.n[10]; g += (tg_narrow)gridDim.x * blockDim.x) {
    const tg_narrow r1 = tg_quotient(g, a.n[6], a.n[7]);
    const tg_narrow i1 = g - r1 * a.n[5];
    const tg_narrow i0 = r1;
    tg_f32 *const p0_0 = p0 + i0 * s8;
    tg_f32 *const p2_0 = p2 + i0 * s9;
    const tg_narrow c = i1 * 4;
    const tg_four<tg_f32> v0 = tg_load_four(p0_0 + c, aligned);
    const tg_four<tg_f32> v1 = tg_load_four(p1 + c, aligned);
    tg_four<tg_f32> w2;
    #pragma unroll
    for (int e = 0; e < 4; e++) {
      const tg_f32 t0 = v0.x[e];
      const tg_f32 t1 = v1.x[e];
      const tg_f32 t2 = t0 + t1;
      const tg_f32 t3 = tg_tanh_f32(t2);
      w2.x[e] = t3;
    }
    tg_store_four(p2_0 + c, w2, aligned);
  }
}
