struct k0_args { void *p[3]; tg_narrow n[14]; };

struct alignas(16) k0_part0 { double value; int position; };
extern "C" __global__ void __launch_bounds__(256) k0(const k0_args a) {
  tg_f32 *const p0 = (tg_f32 *)a.p[0];
  const tg_narrow s8 = a.n[8];
  tg_f32 *const p1 = (tg_f32 *)a.p[1];
  const int member = threadIdx.y;
  __shared__ double shared0[8][32];
  for (tg_narrow strip = (tg_narrow)blockIdx.x * 32; strip < a.n[9]; strip += (tg_narrow)gridDim.x * 32) {
    const bool valid = strip + (tg_narrow)threadIdx.x < a.n[9];
    const tg_narrow row = valid ? strip + (tg_narrow)threadIdx.x : a.n[9] - 1;
    const tg_narrow i0 = row;
    tg_f32 *const p0_0 = p0 + i0;
    tg_f32 *const p1_0 = p1 + i0;
    const tg_narrow from = (tg_narrow)blockIdx.y * a.n[11];
    const tg_narrow end = from + a.n[11];
    const tg_narrow to = end < a.n[10] ? end : a.n[10];
    double a0 = 0;
     {
      #pragma unroll 4
      for (tg_narrow r = from + member; r < to; r += 8) {
        const tg_narrow i1 = r;
        tg_f32 *const p0_0_1 = p0_0 + i1 * s8;
        const tg_f32 t0 = p0_0_1[0];
        const double k = (double)t0;
        a0 = a0 + k;
      }
    }
    { shared0[member][threadIdx.x] = a0; }
    __syncthreads();
    a0 = shared0[0][threadIdx.x];
    for (int j = 1; j < 8; j++) {
      const double k = shared0[j][threadIdx.x];
      a0 = a0 + k;
    }
    __syncthreads();
    if (member == 0 && valid) { ((k0_part0 *)a.p[2])[(tg_wide)(0 * a.n[12] + (tg_wide)blockIdx.y) * a.n[9] + row].value = a0; }
  }
}

extern "C" __global__ void __launch_bounds__(256) k0_join(const k0_args a) {
  tg_f32 *const p0 = (tg_f32 *)a.p[0];
  const tg_narrow s8 = a.n[8];
  tg_f32 *const p1 = (tg_f32 *)a.p[1];
  const int member = threadIdx.x;
  for (tg_narrow row = (tg_narrow)blockIdx.x * blockDim.y + threadIdx.y; row < a.n[9]; row += (tg_narrow)gridDim.x * blockDim.y) {
    const tg_narrow i0 = row;
    tg_f32 *const p0_0 = p0 + i0;
    tg_f32 *const p1_0 = p1 + i0;
    double a0 = 0;
    for (tg_narrow chunk = member; chunk < a.n[12]; chunk += 32) {
      const double k = ((k0_part0 *)a.p[2])[(tg_wide)(0 * a.n[12] + chunk) * a.n[9] + row].value;
      a0 = a0 + k;
    }
    for (int d = 16; d > 0; d >>= 1) {
      const double k = __shfl_xor_sync(0xffffffffu, a0, d);
      a0 = a0 + k;
    }
    const tg_f32 t1 = (float)a0;
    if (member == 0) p1_0[0] = t1;
  }
}
