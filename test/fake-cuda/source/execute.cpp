// Runs the threads of a block on one thread of the host. A thread runs until it ends or comes to something that it must wait at; then the
// executor goes on with another. Each waiting thread keeps a stack (a fiber); one fiber runs any number of threads that never wait, so that
// a kernel without barriers is a plain loop. Between two barriers warps run one after the other, each as far as it comes, in an order that
// the seed draws, and so do lanes between two warp operations: a missing barrier gives wrong numbers. Blocks are drawn from the seed too.
#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <numeric>
#include <sys/mman.h>
#include <ucontext.h>

#include "kernel.h"

namespace fake {

static const int MAX_THREADS = 1024, WARP = 32;
static const size_t STACK = 128 << 10, PAGE = 4096, MAX_SHARED = 232448;
/// What a lane reads that nobody gave.
static const unsigned long long UNDEFINED = ~0ull;

enum class At { Start, Run, Ready, Barrier, Warp, Done };

struct Thread {
  At at;
  int fiber, line, passed;
  // What it waits with.
  __fake_block_op barrier;
  __fake_warp_op op;
  unsigned mask, argument, width;
  unsigned long long value, result;
};

struct Fiber {
  ucontext_t context;
  jmp_buf resume;
  char *stack = nullptr;
  bool begun = false, idle = true;
  int thread = -1;
};

/// The one block that runs.
static struct {
  const Kernel *kernel;
  const char *packed;
  Shape block;
  int count;
  /// Threads in the order in which they begin, warp by warp; the next to begin, and where its warp ends.
  int order[MAX_THREADS], next, limit;
  int fiber;
  Thread threads[MAX_THREADS];
  Fiber fibers[MAX_THREADS];
  jmp_buf scheduler;
} now;

static void show(int thread) {
  __fake_image_state &state = *now.kernel->module->state;
  const unsigned i = (unsigned)thread;
  state.thread = {i % now.block.x, i / now.block.x % now.block.y, i / (now.block.x * now.block.y)};
}

/// The image asks for its next thread: the one before has ended.
static bool nextThread() {
  Fiber &fiber = now.fibers[now.fiber];
  if (fiber.thread >= 0) now.threads[fiber.thread].at = At::Done;
  fiber.thread = -1;
  if (now.next == now.limit) return false;
  const int thread = now.order[now.next++];
  fiber.thread = thread;
  now.threads[thread].at = At::Run;
  now.threads[thread].fiber = now.fiber;
  show(thread);
  return true;
}

static void fiberMain() {
  for (;;) {
    now.kernel->entry->run(now.packed);
    now.fibers[now.fiber].idle = true;
    if (_setjmp(now.fibers[now.fiber].resume) == 0) _longjmp(now.scheduler, 1);
  }
}

/// Goes to a fiber, until its thread waits or no thread is left.
static void enter(int index) {
  Fiber &fiber = now.fibers[index];
  now.fiber = index;
  if (_setjmp(now.scheduler) != 0) return;
  if (fiber.begun) _longjmp(fiber.resume, 1);
  if (!fiber.stack) {
    char *memory = (char *)mmap(nullptr, STACK + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) fault(OUT_OF_MEMORY, "no memory for the stacks of the fake's threads");
    mprotect(memory, PAGE, PROT_NONE);
    fiber.stack = memory + PAGE;
  }
  fiber.begun = true;
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack;
  fiber.context.uc_stack.ss_size = STACK;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, fiberMain, 0);
  setcontext(&fiber.context);
}

/// Leaves the running thread at a meeting; returns when the executor lets it go on.
static Thread &meet(At at, int line) {
  Fiber &fiber = now.fibers[now.fiber];
  Thread &thread = now.threads[fiber.thread];
  thread.at = at;
  thread.line = line;
  if (_setjmp(fiber.resume) == 0) _longjmp(now.scheduler, 1);
  show(now.fibers[now.fiber].thread);
  return now.threads[now.fibers[now.fiber].thread];
}

static int barrier(__fake_block_op op, int value, int line) {
  Thread &thread = now.threads[now.fibers[now.fiber].thread];
  thread.barrier = op;
  thread.value = (unsigned long long)value;
  return (int)meet(At::Barrier, line).result;
}

static unsigned long long warp(__fake_warp_op op, unsigned mask, unsigned long long value, unsigned argument, unsigned width, int line) {
  const int index = now.fibers[now.fiber].thread;
  if (!(mask >> (index % WARP) & 1)) fault(LAUNCH_FAILED, "line " + std::to_string(line) + ": a lane that its own mask does not name");
  if (width == 0 || width > WARP || (width & (width - 1))) fault(LAUNCH_FAILED, "line " + std::to_string(line) + ": a width that is no power of two up to 32");
  Thread &thread = now.threads[index];
  thread.op = op, thread.mask = mask, thread.value = value, thread.argument = argument, thread.width = width;
  return meet(At::Warp, line).result;
}

static void kernelFault(int status, const char *what, const char *file, int line) {
  fault(status, std::string(file) + ":" + std::to_string(line) + ": " + what);
}

// ---- what happens when all have come

static std::string lines(int from, int to, At at) {
  std::set<int> found;
  for (int i = from; i < to; i++)
    if (now.threads[i].at == at) found.insert(now.threads[i].line);
  std::string text;
  for (int line : found) text += (text.empty() ? "" : ", ") + std::to_string(line);
  return text;
}

/// The value that a lane receives from its source lane.
static unsigned long long exchange(int first, int last, int index) {
  const Thread &t = now.threads[index];
  const int lane = index - first, width = (int)t.width, segment = lane & ~(width - 1), argument = (int)t.argument;
  int from = lane;
  switch (t.op) {
    case FAKE_SHFL: from = segment | (argument & (width - 1)); break;
    case FAKE_SHFL_UP: from = lane - argument < segment ? lane : lane - argument; break;
    case FAKE_SHFL_DOWN: from = lane + argument >= segment + width ? lane : lane + argument; break;
    case FAKE_SHFL_XOR: from = (lane ^ argument) >= segment + width ? lane : lane ^ argument; break;
    default: return 0;
  }
  const bool isGiven = first + from < last && (t.mask >> from & 1) && now.threads[first + from].at != At::Done;
  return isGiven ? now.threads[first + from].value : UNDEFINED;
}

/// Lets the lanes go on whose whole mask has come to the same operation; false where there are none.
static bool releaseWarp(int first, int last) {
  bool any = false;
  for (int i = first; i < last; i++) {
    const Thread &t = now.threads[i];
    if (t.at != At::Warp) continue;
    unsigned votes = 0;
    bool all = true;
    for (int j = first; j < last && all; j++) {
      const Thread &other = now.threads[j];
      if (!(t.mask >> (j - first) & 1) || other.at == At::Done) continue;
      all = other.at == At::Warp && other.mask == t.mask;
      if (all && (other.op != t.op || other.line != t.line))
        fault(LAUNCH_FAILED, "lanes of one mask meet at different operations, in lines " + lines(first, last, At::Warp));
      votes |= (unsigned)(other.value & 1) << (j - first);
    }
    if (!all) continue;
    const unsigned mask = t.mask;
    for (int j = first; j < last; j++)
      if ((mask >> (j - first) & 1) && now.threads[j].at == At::Warp) now.threads[j].result = t.op == FAKE_BALLOT ? votes : exchange(first, last, j);
    for (int j = first; j < last; j++)
      if ((mask >> (j - first) & 1) && now.threads[j].at == At::Warp) now.threads[j].at = At::Ready;
    any = true;
  }
  return any;
}

/// Lets all threads go on where all are at the same barrier; a thread that ended without it counts as missing.
static bool releaseBarrier() {
  int waiting = 0, votes = 0;
  for (int i = 0; i < now.count; i++) {
    if (now.threads[i].at != At::Barrier) continue;
    waiting++;
    votes += now.threads[i].value != 0;
  }
  if (waiting < now.count) return false;
  const std::string at = lines(0, now.count, At::Barrier);
  if (at.find(',') != std::string::npos) fault(LAUNCH_FAILED, "threads of one block wait at different barriers, in lines " + at);
  for (int i = 0; i < now.count; i++) {
    Thread &t = now.threads[i];
    t.result = (unsigned long long)(t.barrier == FAKE_BARRIER_COUNT ? votes : t.barrier == FAKE_BARRIER_AND ? votes == now.count : votes > 0);
    t.at = At::Ready;
  }
  return true;
}

/// The order of threads: warps, and lanes within each, from a start that is drawn, forward or backward.
static void drawOrder() {
  const uint64_t draw = seeded();
  const int n = now.count, warps = (n + WARP - 1) / WARP;
  auto turned = [](int i, int of, uint64_t start, bool backward) { return (int)((start + (uint64_t)(backward ? of - i : i)) % (uint64_t)of); };
  for (int w = 0, at = 0; w < warps; w++) {
    const int first = turned(w, warps, draw >> 8, draw >> 62 & 1) * WARP, lanes = std::min(WARP, n - first);
    for (int i = 0; i < lanes; i++) now.order[at++] = first + turned(i, lanes, draw >> 16, draw >> 63);
  }
  for (int i = 0; i < n; i++) now.threads[i].at = At::Start;
  now.next = now.limit = 0;
}

/// Runs a warp, which begins at `from` in the order, as far as it comes alone: other warps may be that far behind it.
static void runWarp(int from, int &free) {
  const int first = now.order[from] / WARP * WARP, last = std::min(first + WARP, now.count);
  if (now.next == from) now.limit = from + last - first;
  do {
    while (now.next < now.limit) {
      while (!now.fibers[free].idle) free++;
      now.fibers[free].idle = false;
      enter(free);
    }
    for (int i = from; i < from + last - first; i++)
      if (Thread &t = now.threads[now.order[i]]; t.at == At::Ready) t.at = At::Run, enter(t.fiber);
  } while (releaseWarp(first, last));
}

static void runBlock() {
  drawOrder();
  for (int free = 0;;) {
    for (int from = 0; from < now.count;) {
      const int first = now.order[from] / WARP * WARP;
      runWarp(from, free);
      from += std::min(WARP, now.count - first);
    }
    if (releaseBarrier()) continue;
    bool done = true;
    for (int i = 0; i < now.count; i++) done &= now.threads[i].at == At::Done;
    if (done) return;
    const std::string barriers = lines(0, now.count, At::Barrier), warps = lines(0, now.count, At::Warp);
    fault(LAUNCH_FAILED, "threads of a block wait for others that never come" + (barriers.empty() ? "" : ", at the barrier in lines " + barriers) +
                             (warps.empty() ? "" : ", at warp operations in lines " + warps));
  }
}

/// Dynamic shared memory, at the end of pages that nobody may leave.
static char *dynamicShared(unsigned bytes) {
  static char *pages = nullptr;
  const size_t room = (MAX_SHARED + PAGE - 1) / PAGE * PAGE;
  if (!pages) {
    pages = (char *)mmap(nullptr, room + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(pages + room, PAGE, PROT_NONE);
  }
  return pages + room - (bytes + 15) / 16 * 16;
}

void runGrid(const Kernel &kernel, const char *packed, Shape grid, Shape block, unsigned sharedBytes) {
  now.kernel = &kernel;
  now.packed = packed;
  now.block = block;
  now.count = (int)(block.x * block.y * block.z);
  // Fibers that a fault left in the middle begin anew.
  for (Fiber &fiber : now.fibers)
    if (!fiber.idle) fiber.idle = true, fiber.begun = false, fiber.thread = -1;
  char *const dynamic = dynamicShared(sharedBytes);
  *kernel.module->state = {{0, 0, 0}, {0, 0, 0}, {block.x, block.y, block.z}, {grid.x, grid.y, grid.z}, dynamic, nextThread, barrier, warp, kernelFault};
  const uint64_t blocks = (uint64_t)grid.x * grid.y * grid.z;
  // A walk through all blocks: a stride that has no divisor in common with their number.
  uint64_t at = seeded() % blocks, stride = seeded() % blocks;
  for (stride = stride ? stride : 1; std::gcd(stride, blocks) != 1;) stride++;
  for (uint64_t i = 0; i < blocks; i++, at = (at + stride) % blocks) {
    kernel.module->state->block = {(unsigned)(at % grid.x), (unsigned)(at / grid.x % grid.y), (unsigned)(at / ((uint64_t)grid.x * grid.y))};
    memset(dynamic, 0xff, sharedBytes);
    for (int s = 0; s < 2; s++)
      if (kernel.entry->shared[s]) memset(kernel.entry->shared[s], 0xff, (size_t)(kernel.entry->shared_end[s] - kernel.entry->shared[s]));
    runBlock();
  }
}

}  // namespace fake
