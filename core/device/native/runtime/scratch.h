/**
 * Working memory of a thread, kept between calls: `slot` names the use, so that one function's memory is not another's. Valid
 * until the same thread asks for the same slot again.
 *
 * Where there is no memory the answer is null and the shortage is noted. Whoever gets null returns at once, its result undefined;
 * what runs the step asks for the shortage afterwards (tg_take_shortage), and reports it instead of the result.
 */
#ifndef TRIGRAD_SCRATCH_H
#define TRIGRAD_SCRATCH_H

#include "trigrad.h"

enum {
  TG_SCRATCH_A,
  TG_SCRATCH_B,
  TG_SCRATCH_EDGE,
  TG_SCRATCH_IMAGE,
  TG_SCRATCH_ROUTINE,
  TG_SCRATCH_UPDATE,
  TG_SCRATCH_COFACTORS,
  TG_SCRATCH_SLOTS
};

/** Bytes of working memory that were asked for in vain, by any thread; 0: none. */
static int64_t tg_shortage;

static __thread struct {
  void *memory;
  int64_t bytes;
} tg_scratch_slots[TG_SCRATCH_SLOTS];

static inline void *tg_scratch(int slot, int64_t bytes) {
  /* Nothing is asked for by an empty matrix: it gets memory all the same, since NULL means that there is none. */
  if (tg_scratch_slots[slot].bytes < bytes || !tg_scratch_slots[slot].memory) {
    tg_release(tg_scratch_slots[slot].memory);
    tg_scratch_slots[slot].memory = tg_allocate(bytes);
    tg_scratch_slots[slot].bytes = tg_scratch_slots[slot].memory ? bytes : 0;
    if (!tg_scratch_slots[slot].memory) __atomic_store_n(&tg_shortage, bytes > 0 ? bytes : 1, __ATOMIC_RELAXED);
  }
  return tg_scratch_slots[slot].memory;
}

/** For a thread that ends. */
static inline void tg_release_scratch(void) {
  for (int slot = 0; slot < TG_SCRATCH_SLOTS; slot++) tg_release(tg_scratch_slots[slot].memory);
  memset(tg_scratch_slots, 0, sizeof tg_scratch_slots);
}

#endif
