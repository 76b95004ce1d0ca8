/** Memory of the native device. Large blocks lie on huge pages where the system has them: fewer misses of the address cache. */
#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#include "scratch.h"
#include "trigrad.h"

#define TG_HUGE_PAGE ((size_t)2 << 20)

void *tg_allocate(int64_t bytes) {
  if (bytes < 0) return NULL;
  size_t size = bytes == 0 ? 64 : (size_t)bytes, alignment = size >= 2 * TG_HUGE_PAGE ? TG_HUGE_PAGE : 64;
  void *memory = NULL;
  if (posix_memalign(&memory, alignment, size) != 0) return NULL;
#ifdef __linux__
  if (alignment == TG_HUGE_PAGE) madvise(memory, size, MADV_HUGEPAGE);
#endif
  return memory;
}

int64_t tg_take_shortage(void) {
  /* Rarely written: a look costs less than an exchange. */
  if (__atomic_load_n(&tg_shortage, __ATOMIC_RELAXED) == 0) return 0;
  return __atomic_exchange_n(&tg_shortage, 0, __ATOMIC_RELAXED);
}

void tg_release(void *memory) { free(memory); }

void tg_copy(void *to, const void *from, int64_t bytes) { memcpy(to, from, (size_t)bytes); }
