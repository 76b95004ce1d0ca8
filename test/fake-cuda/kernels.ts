/** CUDA C by hand for tests of the fake: the patterns that kernels of the device are made of. */

/** Blocks sum through dynamic shared memory and add to one integer. */
export const SUM = `
extern "C" __global__ void __launch_bounds__(128) sum(int *out, const int *x, int n) {
  extern __shared__ int part[];
  int a = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) a += x[i];
  part[threadIdx.x] = a;
  __syncthreads();
  for (int s = blockDim.x / 2; s > 0; s >>= 1) {
    if (threadIdx.x < s) part[threadIdx.x] += part[threadIdx.x + s];
    __syncthreads();
  }
  if (threadIdx.x == 0) atomicAdd(out, part[0]);
}`;

/** One block a row: shuffles within warps, shared memory between them. */
export const LAYER_NORM = `
__device__ __forceinline__ float warp_sum(float a) {
  for (int d = 16; d > 0; d >>= 1) a += __shfl_xor_sync(0xffffffffu, a, d);
  return a;
}
__device__ float block_sum(float a) {
  __shared__ float part[32];
  a = warp_sum(a);
  if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = a;
  __syncthreads();
  float sum = 0.0f;
  for (int w = 0; w < (int)(blockDim.x >> 5); w++) sum += part[w];
  __syncthreads();
  return sum;
}
extern "C" __global__ void __launch_bounds__(96) layer_norm(float *__restrict__ y, const float *__restrict__ x, int columns) {
  const float *row = x + (size_t)blockIdx.x * columns;
  float a = 0.0f;
  for (int i = threadIdx.x; i < columns; i += blockDim.x) a += row[i];
  const float mean = block_sum(a) / columns;
  float q = 0.0f;
  for (int i = threadIdx.x; i < columns; i += blockDim.x) q += (row[i] - mean) * (row[i] - mean);
  const float scale = rsqrtf(block_sum(q) / columns + 1e-5f);
  for (int i = threadIdx.x; i < columns; i += blockDim.x) y[(size_t)blockIdx.x * columns + i] = (row[i] - mean) * scale;
}`;

/** C = A B by tiles of 16 x 16 in shared memory. */
export const MATMUL = `
#define TILE 16
extern "C" __global__ void __launch_bounds__(TILE *TILE) matmul(float *__restrict__ c, const float *__restrict__ a, const float *__restrict__ b, int m, int n, int k) {
  __shared__ float sa[TILE][TILE + 1], sb[TILE][TILE + 1];
  const int tx = threadIdx.x, ty = threadIdx.y, row = blockIdx.y * TILE + ty, column = blockIdx.x * TILE + tx;
  float sum = 0.0f;
  for (int p = 0; p < k; p += TILE) {
    sa[ty][tx] = row < m && p + tx < k ? a[row * k + p + tx] : 0.0f;
    sb[ty][tx] = column < n && p + ty < k ? b[(p + ty) * n + column] : 0.0f;
    __syncthreads(); // filled
#pragma unroll
    for (int i = 0; i < TILE; i++) sum += sa[ty][i] * sb[i][tx];
    __syncthreads(); // used
  }
  if (row < m && column < n) c[row * n + column] = sum;
}`;

/** y = x transposed, by tiles of 32 x 32 that blocks of 32 x 8 threads carry. */
export const TRANSPOSE = `
extern "C" __global__ void __launch_bounds__(256) transpose(float *y, const float *x, int rows, int columns) {
  __shared__ float tile[32][33];
  const int left = blockIdx.x * 32, top = blockIdx.y * 32;
  for (int i = threadIdx.y; i < 32; i += 8)
    if (top + i < rows && left + threadIdx.x < columns) tile[i][threadIdx.x] = x[(top + i) * columns + left + threadIdx.x];
  __syncthreads();
  for (int i = threadIdx.y; i < 32; i += 8)
    if (left + i < columns && top + threadIdx.x < rows) y[(left + i) * rows + top + threadIdx.x] = tile[threadIdx.x][i];
}`;
