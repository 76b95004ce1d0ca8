// The border between a compiled kernel and the executor that runs it: plain data, included on both sides, so no header of the
// standard library. An image exports one __fake_image, and a __fake_kernel for each kernel as NAME__fake.
#pragma once

struct __fake_dim {
  unsigned x, y, z;
};

/// What a warp does together. The lanes' values are exchanged when all lanes of the mask have come.
enum __fake_warp_op { FAKE_SYNC, FAKE_SHFL, FAKE_SHFL_UP, FAKE_SHFL_DOWN, FAKE_SHFL_XOR, FAKE_BALLOT };
enum __fake_block_op { FAKE_BARRIER, FAKE_BARRIER_COUNT, FAKE_BARRIER_AND, FAKE_BARRIER_OR };

/// What an image shows of the thread that runs, and what it calls. The executor fills it in.
struct __fake_image_state {
  __fake_dim thread, block, block_size, grid_size;
  void *dynamic_shared;
  /// Begins the next thread of the block, or says that none is left.
  bool (*next)();
  int (*barrier)(__fake_block_op op, int value, int line);
  unsigned long long (*warp)(__fake_warp_op op, unsigned mask, unsigned long long value, unsigned argument, unsigned width, int line);
  void (*fault)(int status, const char *what, const char *file, int line);
};

struct __fake_parameter {
  unsigned offset, bytes;
  bool is_pointer;
};

struct __fake_kernel {
  /// Runs threads until none is left; `packed` holds the parameters at their offsets.
  void (*run)(const char *packed);
  /// Writes at most 256 parameters; returns how many there are.
  int (*parameters)(__fake_parameter *out);
  int max_threads;
  /// Its own shared memory, and that of the functions it may call.
  char *shared[2], *shared_end[2];
};
