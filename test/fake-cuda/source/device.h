// CUDA C for a C++ compiler: what NVRTC gives a kernel without any header, over the executor's state. Includes nothing of the system,
// as NVRTC has nothing. What the fake cannot model does not compile; nothing means something else than on a GPU.
// __shared__ and extern __shared__ are rewritten by the compiler service (nvrtc.cpp): statics in a section of their kernel.
#pragma once
#include "image.h"

extern "C" {
__attribute__((visibility("default"))) __fake_image_state __fake_image;
}

typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;

#define __CUDACC__ 1
#define __CUDACC_RTC__ 1
#define __CUDACC_VER_MAJOR__ 13
#define __CUDACC_VER_MINOR__ 0
#define __global__ __attribute__((visibility("default")))
#define __device__
#define __host__
#define __constant__ static
#define __launch_bounds__(...)
#define __grid_constant__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))
#define asm static_assert(false, "the fake CUDA runs no PTX")

#define threadIdx (__fake_image.thread)
#define blockIdx (__fake_image.block)
#define blockDim (__fake_image.block_size)
#define gridDim (__fake_image.grid_size)
#define warpSize 32

// ---- vectors

typedef __fake_dim uint3;
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

#define FAKE_VECTOR_124(T, name, bytes2, bytes4)                                 \
  struct name##1 { T x; };                                                       \
  struct alignas(bytes2) name##2 { T x, y; };                                    \
  struct alignas(bytes4) name##4 { T x, y, z, w; };                              \
  static inline name##1 make_##name##1(T x) { return {x}; }                      \
  static inline name##2 make_##name##2(T x, T y) { return {x, y}; }              \
  static inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
#define FAKE_VECTOR_3(T, name)            \
  struct name##3 { T x, y, z; };          \
  static inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }

FAKE_VECTOR_124(signed char, char, 2, 4)
FAKE_VECTOR_3(signed char, char)
FAKE_VECTOR_124(unsigned char, uchar, 2, 4)
FAKE_VECTOR_3(unsigned char, uchar)
FAKE_VECTOR_124(short, short, 4, 8)
FAKE_VECTOR_3(short, short)
FAKE_VECTOR_124(unsigned short, ushort, 4, 8)
FAKE_VECTOR_3(unsigned short, ushort)
FAKE_VECTOR_124(int, int, 8, 16)
FAKE_VECTOR_3(int, int)
FAKE_VECTOR_124(unsigned, uint, 8, 16)
static inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
FAKE_VECTOR_124(long long, longlong, 16, 16)
FAKE_VECTOR_3(long long, longlong)
FAKE_VECTOR_124(unsigned long long, ulonglong, 16, 16)
FAKE_VECTOR_3(unsigned long long, ulonglong)
FAKE_VECTOR_124(float, float, 8, 16)
FAKE_VECTOR_3(float, float)
FAKE_VECTOR_124(double, double, 16, 16)
FAKE_VECTOR_3(double, double)

// ---- threads together

#define __syncthreads() ((void)__fake_image.barrier(FAKE_BARRIER, 0, __LINE__))
#define __syncthreads_count(x) __fake_image.barrier(FAKE_BARRIER_COUNT, (x) != 0, __LINE__)
#define __syncthreads_and(x) __fake_image.barrier(FAKE_BARRIER_AND, (x) != 0, __LINE__)
#define __syncthreads_or(x) __fake_image.barrier(FAKE_BARRIER_OR, (x) != 0, __LINE__)

static inline void __fake_syncwarp(int line, unsigned mask = 0xffffffffu) { __fake_image.warp(FAKE_SYNC, mask, 0, 0, 32, line); }
#define __syncwarp(...) __fake_syncwarp(__LINE__ __VA_OPT__(, ) __VA_ARGS__)

template <class T>
static inline T __fake_shuffle(int line, __fake_warp_op op, unsigned mask, T value, unsigned argument, unsigned width = 32) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "only values of 4 and 8 bytes are shuffled");
  unsigned long long bits = 0;
  __builtin_memcpy(&bits, &value, sizeof value);
  bits = __fake_image.warp(op, mask, bits, argument, width, line);
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}
#define __shfl_sync(mask, ...) __fake_shuffle(__LINE__, FAKE_SHFL, mask, __VA_ARGS__)
#define __shfl_up_sync(mask, ...) __fake_shuffle(__LINE__, FAKE_SHFL_UP, mask, __VA_ARGS__)
#define __shfl_down_sync(mask, ...) __fake_shuffle(__LINE__, FAKE_SHFL_DOWN, mask, __VA_ARGS__)
#define __shfl_xor_sync(mask, ...) __fake_shuffle(__LINE__, FAKE_SHFL_XOR, mask, __VA_ARGS__)

static inline unsigned __fake_ballot(int line, unsigned mask, bool x) {
  return (unsigned)__fake_image.warp(FAKE_BALLOT, mask, x, 0, 32, line);
}
#define __ballot_sync(mask, x) __fake_ballot(__LINE__, mask, (x) != 0)
#define __any_sync(mask, x) ((int)(__fake_ballot(__LINE__, mask, (x) != 0) != 0))
#define __all_sync(mask, x) ((int)(__fake_ballot(__LINE__, mask, (x) == 0) == 0))
#define __activemask() static_assert(false, "__activemask depends on the scheduling of a GPU")

static inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

// ---- memory

template <class T> static inline T __ldg(const T *p) { return *p; }
template <class T> static inline T __ldcs(const T *p) { return *p; }
template <class T> static inline T __ldcg(const T *p) { return *p; }
template <class T> static inline T __ldca(const T *p) { return *p; }
template <class T> static inline void __stcs(T *p, T value) { *p = value; }
template <class T> static inline void __stcg(T *p, T value) { *p = value; }

// Threads run one at a time, so that a plain read and write is atomic. Sums of floats in the order in which threads come are not allowed.
#define FAKE_ATOMIC(name, T, expression)            \
  static inline T name(T *p, T value) {             \
    T old = *(volatile T *)p;                       \
    *(volatile T *)p = (T)(expression);             \
    return old;                                     \
  }
#define FAKE_ATOMICS(T, U)                              \
  FAKE_ATOMIC(atomicAdd, T, (U)old + (U)value)          \
  FAKE_ATOMIC(atomicMax, T, old > value ? old : value)  \
  FAKE_ATOMIC(atomicMin, T, old < value ? old : value)  \
  FAKE_ATOMIC(atomicExch, T, value)                     \
  FAKE_ATOMIC(atomicAnd, T, old & value)                \
  FAKE_ATOMIC(atomicOr, T, old | value)                 \
  FAKE_ATOMIC(atomicXor, T, old ^ value)                \
  static inline T atomicCAS(T *p, T compare, T value) { \
    T old = *(volatile T *)p;                           \
    if (old == compare) *(volatile T *)p = value;       \
    return old;                                         \
  }
FAKE_ATOMICS(int, unsigned)
FAKE_ATOMICS(unsigned, unsigned)
FAKE_ATOMICS(unsigned long long, unsigned long long)
FAKE_ATOMIC(atomicSub, int, (unsigned)old - (unsigned)value)
FAKE_ATOMIC(atomicSub, unsigned, old - value)
FAKE_ATOMIC(atomicExch, float, value)
static inline unsigned atomicInc(unsigned *p, unsigned limit) {
  unsigned old = *(volatile unsigned *)p;
  *(volatile unsigned *)p = old >= limit ? 0 : old + 1;
  return old;
}
float atomicAdd(float *, float) = delete;
double atomicAdd(double *, double) = delete;

#include "device-math.h"

// ---- how a kernel is entered

template <int... I> struct __fake_indices {};
#ifdef __clang__
template <class T, T... I> using __fake_make = __fake_indices<I...>;
template <int N> using __fake_count = __make_integer_seq<__fake_make, int, N>;
#else
template <int N> using __fake_count = __fake_indices<__integer_pack(N)...>;
#endif

template <class T> constexpr bool __fake_is_pointer = false;
template <class T> constexpr bool __fake_is_pointer<T *> = true;

/// Parameters lie one after the other, each aligned to its type.
template <class... A> constexpr unsigned __fake_offset(int index) {
  const unsigned bytes[] = {(unsigned)sizeof(A)..., 0}, aligns[] = {(unsigned)alignof(A)..., 1};
  unsigned at = 0;
  for (int i = 0;; i++) {
    at = (at + aligns[i] - 1) / aligns[i] * aligns[i];
    if (i == index) return at;
    at += bytes[i];
  }
}

template <class... A, int... I>
static inline void __fake_enter(void (*kernel)(A...), const char *packed, __fake_indices<I...>) {
  static_assert(__fake_offset<A...>(sizeof...(A)) <= 4096, "Formal parameter space overflowed");
  while (__fake_image.next()) kernel(*(const A *)(packed + __fake_offset<A...>(I))...);
}
template <class... A> static inline void __fake_run(void (*kernel)(A...), const char *packed) {
  __fake_enter(kernel, packed, __fake_count<sizeof...(A)>{});
}
template <class... A> static inline int __fake_parameters(void (*)(A...), __fake_parameter *out) {
  int n = 0;
  ((out[n] = {__fake_offset<A...>(n), (unsigned)sizeof(A), __fake_is_pointer<A>}, n++), ...);
  return n;
}

extern "C" char __start_fake_shared[] __attribute__((weak, visibility("hidden")));
extern "C" char __stop_fake_shared[] __attribute__((weak, visibility("hidden")));

#define FAKE_KERNEL(name, bounds)                                                                              \
  extern "C" char __start_fake_of_##name[] __attribute__((weak, visibility("hidden")));                        \
  extern "C" char __stop_fake_of_##name[] __attribute__((weak, visibility("hidden")));                         \
  extern "C" __attribute__((visibility("default"))) __fake_kernel name##__fake = {                             \
      [](const char *packed) { __fake_run(&name, packed); },                                                   \
      [](__fake_parameter *out) { return __fake_parameters(&name, out); },                                     \
      (bounds),                                                                                                \
      {__start_fake_of_##name, __start_fake_shared},                                                           \
      {__stop_fake_of_##name, __stop_fake_shared}};
