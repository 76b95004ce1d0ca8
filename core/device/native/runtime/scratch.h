/**
 * Working memory of a thread, kept between calls: `slot` names the use, so that one function's memory is not another's. Null
 * where there is no memory. Valid until the same thread asks for the same slot again.
 */
#ifndef TRIGRAD_SCRATCH_H
#define TRIGRAD_SCRATCH_H

#include "trigrad.h"

enum { TG_SCRATCH_A, TG_SCRATCH_B, TG_SCRATCH_EDGE, TG_SCRATCH_IMAGE, TG_SCRATCH_ROUTINE, TG_SCRATCH_SLOTS };

static inline void *tg_scratch(int slot, int64_t bytes) {
  static __thread struct {
    void *memory;
    int64_t bytes;
  } slots[TG_SCRATCH_SLOTS];
  if (slots[slot].bytes < bytes) {
    tg_release(slots[slot].memory);
    slots[slot].memory = tg_allocate(bytes);
    slots[slot].bytes = slots[slot].memory ? bytes : 0;
  }
  return slots[slot].memory;
}

#endif
