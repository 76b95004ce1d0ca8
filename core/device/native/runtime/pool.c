/**
 * The thread pool. A job is a counter of chunks that whoever is there takes from; the caller takes part, and when the chunks are
 * given out it closes the job and waits only for workers that hold one. A worker that wakes too late finds the job closed.
 * So a busy machine costs the help, never a wait. Workers look for work for some tens of microseconds, since waking a sleeper takes
 * as long, and then sleep on a condition variable. A thread that notices it was taken off its core while it looked (the machine is
 * crowded) sleeps at once from then on, for a while.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "scratch.h"
#include "trigrad.h"

#define TG_MAX_THREADS 256
/** Looks between two looks at the clock: about a microsecond. */
#define TG_LOOKS 32
/**
 * How long a thread looks before it sleeps, and how long one round may take if it was on its core; nanoseconds. An interrupt takes some
 * tens of microseconds, another process a millisecond at least.
 */
#define TG_PATIENCE 200000
#define TG_TAKEN_OFF 100000
/** For so long after that nobody looks. */
#define TG_COOL_DOWN 2000000

static struct {
  /** Even while a job is open to workers; only the caller that holds `busy` changes it. */
  _Alignas(64) atomic_uint_fast64_t generation;
  /** Workers within a job. */
  _Alignas(64) atomic_int active;
  _Alignas(64) atomic_int_fast64_t next;
  _Alignas(64) atomic_int sleepers;
  int64_t chunks;
  void (*body)(void *, int64_t);
  void *context;
  /** Whether a caller is waiting in `done` for `active` to fall to 0. */
  atomic_int waiting;
  atomic_int threads;
  int started;
  pthread_t workers[TG_MAX_THREADS];
  /** The processor that no worker may run on: that of the caller when it last woke some; -1: any. */
  int kept_free;
  pthread_mutex_t busy;
  pthread_mutex_t lock;
  pthread_cond_t wake, done;
} pool = {
    .generation = 1, .threads = 1, .kept_free = -1, .busy = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER,
    .wake = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};

/** True on a thread that is running a chunk. */
static __thread int inside;

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/** Until when the machine counts as crowded. */
static atomic_int_fast64_t crowded_until;

/** Looks until `ready(context)`, for as long as that is cheaper than sleeping. Returns whether it is ready. */
static int look_for(int (*ready)(void *), void *context) {
  int64_t start = now(), before = start;
  if (start < atomic_load_explicit(&crowded_until, memory_order_relaxed)) return ready(context);
  for (;;) {
    for (int i = 0; i < TG_LOOKS; i++) {
      if (ready(context)) return 1;
      relax();
    }
    int64_t after = now();
    if (after - before > TG_TAKEN_OFF) {
      atomic_store_explicit(&crowded_until, after + TG_COOL_DOWN, memory_order_relaxed);
      return ready(context);
    }
    if (after - start > TG_PATIENCE) return ready(context);
    before = after;
  }
}

static void take_chunks(void) {
  int64_t chunks = pool.chunks;
  void (*body)(void *, int64_t) = pool.body;
  void *context = pool.context;
  inside = 1;
  for (int64_t i; (i = atomic_fetch_add_explicit(&pool.next, 1, memory_order_relaxed)) < chunks;) body(context, i);
  inside = 0;
}

/** The generation that a worker has seen, and the open one that it waits for. */
typedef struct {
  uint64_t seen, open;
} tg_wanted;

static int is_open(void *context) {
  tg_wanted *w = context;
  w->open = atomic_load(&pool.generation);
  return w->open != w->seen && w->open % 2 == 0;
}

static int is_idle(void *context) {
  (void)context;
  return atomic_load(&pool.active) == 0;
}

/**
 * Whether thread number `index` is one too many. The last one started is the first to go, so that those up to `started` are there: a
 * handle of one that has ended must not be used. Called with `lock` held.
 */
static int is_surplus(int index) { return index == pool.started && index >= atomic_load(&pool.threads); }

/**
 * Returns when the generation is another than `seen` and open, or when thread number `index` is not wanted any more (0). A thread that
 * was woken too late for its job looks for the next one: in a row of jobs shorter than a waking it would else never come.
 */
static int await_job(int index, uint64_t seen, uint64_t *generation) {
  tg_wanted job = {seen, 0};
  for (;;) {
    if (look_for(is_open, &job)) return *generation = job.open, 1;
    pthread_mutex_lock(&pool.lock);
    atomic_fetch_add(&pool.sleepers, 1);
    if (!is_surplus(index) && !is_open(&job)) pthread_cond_wait(&pool.wake, &pool.lock);
    int goes = is_surplus(index);
    atomic_fetch_sub(&pool.sleepers, 1);
    if (goes) {
      pool.started--;
      pthread_cond_broadcast(&pool.wake);
    }
    pthread_mutex_unlock(&pool.lock);
    if (goes) return 0;
  }
}

static void *work(void *argument) {
  int index = (int)(intptr_t)argument;
  uint64_t seen = 0, generation;
  while (await_job(index, seen, &generation)) {
    /* Either this sees the job closed, or its caller sees that this thread is active: both are sequentially consistent. */
    atomic_fetch_add(&pool.active, 1);
    if (atomic_load(&pool.generation) == generation) take_chunks();
    if (atomic_fetch_sub(&pool.active, 1) == 1 && atomic_load(&pool.waiting)) {
      pthread_mutex_lock(&pool.lock);
      pthread_cond_signal(&pool.done);
      pthread_mutex_unlock(&pool.lock);
    }
    seen = generation;
  }
  tg_release_scratch();
  return NULL;
}

/** In a forked child no worker lives; they are started anew when there is work. */
static void forget_workers(void) {
  pthread_mutex_init(&pool.busy, NULL);
  pthread_mutex_init(&pool.lock, NULL);
  pthread_cond_init(&pool.wake, NULL);
  pthread_cond_init(&pool.done, NULL);
  atomic_store(&pool.generation, 1);
  atomic_store(&pool.active, 0);
  atomic_store(&pool.sleepers, 0);
  atomic_store(&pool.waiting, 0);
  pool.started = 0;
}

/**
 * Keeps workers off the processor of the caller, which computes there. Of itself a kernel often puts the woken beside the one who wakes,
 * above all in a virtual machine, where an idle processor looks like one that its host has taken away; the worker then comes when
 * the work is done. Called with `lock` held.
 */
static void leave_processor_to_caller(void) {
#ifdef __linux__
  int here = sched_getcpu();
  cpu_set_t allowed;
  if (here == pool.kept_free || here < 0 || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  if (CPU_COUNT(&allowed) > 1) CPU_CLR(here, &allowed);
  for (int i = 0; i < pool.started; i++) pthread_setaffinity_np(pool.workers[i], sizeof allowed, &allowed);
  pool.kept_free = here;
#endif
}

/** Threads 1 … wanted-1 exist afterwards, or as many as the system gives. Signals go to the threads of the program. */
static void start_workers(int wanted) {
  static int registered;
  if (!registered) registered = pthread_atfork(NULL, NULL, forget_workers) == 0;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_mutex_lock(&pool.lock);
  while (pool.started < wanted - 1) {
    pthread_t *thread = &pool.workers[pool.started];
    if (pthread_create(thread, NULL, work, (void *)(intptr_t)(pool.started + 1)) != 0) break;
    pthread_detach(*thread);
    pool.started++;
    pool.kept_free = -1;
  }
  pthread_mutex_unlock(&pool.lock);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void wait_for_workers(void) {
  if (look_for(is_idle, NULL)) return;
  pthread_mutex_lock(&pool.lock);
  atomic_store(&pool.waiting, 1);
  while (atomic_load(&pool.active) != 0) pthread_cond_wait(&pool.done, &pool.lock);
  atomic_store(&pool.waiting, 0);
  pthread_mutex_unlock(&pool.lock);
}

void tg_parallel(int64_t chunks, void (*body)(void *, int64_t), void *context) {
  int threads = atomic_load(&pool.threads);
  if (chunks < 2 || threads < 2 || inside || pthread_mutex_trylock(&pool.busy) != 0) {
    /* Also where another thread of the program uses the pool now. */
    for (int64_t i = 0; i < chunks; i++) body(context, i);
    return;
  }
  start_workers(threads);
  pool.chunks = chunks;
  pool.body = body;
  pool.context = context;
  atomic_store(&pool.next, 0);
  atomic_fetch_add(&pool.generation, 1);
  int64_t helpers = chunks - 1 < threads - 1 ? chunks - 1 : threads - 1;
  if (atomic_load(&pool.sleepers) > 0) {
    pthread_mutex_lock(&pool.lock);
    leave_processor_to_caller();
    for (int64_t i = 0; i < helpers; i++) pthread_cond_signal(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
  }
  take_chunks();
  atomic_fetch_add(&pool.generation, 1);
  wait_for_workers();
  pthread_mutex_unlock(&pool.busy);
}

void tg_set_threads(int64_t count) {
  atomic_store(&pool.threads, count < 1 ? 1 : count > TG_MAX_THREADS ? TG_MAX_THREADS : (int)count);
  pthread_mutex_lock(&pool.lock);
  pthread_cond_broadcast(&pool.wake);
  pthread_mutex_unlock(&pool.lock);
}

int64_t tg_threads(void) { return atomic_load(&pool.threads); }
