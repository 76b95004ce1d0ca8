/**
 * Plans: a list of steps run in one call. A step is a function of pointers and numbers, as generated kernels are; products,
 * convolutions and routines are given that form here, their descriptors being the numbers.
 */
#include "kernel.h"

typedef struct {
  void (*run)(void *const *p, const int64_t *numbers);
  const int64_t *numbers;
  /** How many pointers it takes, and whether it may report to the error cell. */
  int64_t pointers, checked;
} tg_step;

/**
 * Runs the steps in order. `slots` holds two words per pointer of each step: a block's number and an offset in bytes. Returns 0, or
 * the number of the step that found an index out of range, plus 1, or minus the bytes of working memory that a step asked for in vain;
 * the steps after it are not run.
 */
TG_EXPORT int64_t tg_run_plan(const tg_step *steps, int64_t count, const int64_t *slots, char *const *blocks, const int64_t *error) {
  for (int64_t i = 0; i < count; i++) {
    const tg_step *step = &steps[i];
    void *p[step->pointers];
    for (int64_t k = 0; k < step->pointers; k++, slots += 2) p[k] = blocks[slots[0]] + slots[1];
    step->run(p, step->numbers);
    int64_t shortage = tg_take_shortage();
    if (shortage != 0) return -shortage;
    if (step->checked && error[0] != 0) return i + 1;
  }
  return 0;
}

/**
 * The numbers of a product or a convolution are its shape and then these: an epilogue (a function, or 0) with its numbers and how many
 * pointers it takes, which of the step's pointers are the operands (the first is the result), and for each pointer of the epilogue a
 * pointer of the step and an offset in bytes.
 */
typedef struct {
  int64_t epilogue, numbers, pointers;
  int64_t places[];
} tg_finish;

#define TG_STEP(function, shape_type)                                                                                          \
  TG_EXPORT void tg_step_##function(void *const *p, const int64_t *numbers) {                                                  \
    const shape_type *shape = (const shape_type *)numbers;                                                                     \
    const tg_finish *s = (const tg_finish *)(numbers + sizeof *shape / sizeof *numbers);                                       \
    void *q[s->pointers + 1];                                                                                                  \
    for (int64_t i = 0; i < s->pointers; i++) q[i] = (char *)p[s->places[2 * i + 2]] + s->places[2 * i + 3];                   \
    tg_launch launch = {q, (const int64_t *)(intptr_t)s->numbers, 0};                                                          \
    tg_##function(shape, p[s->places[0]], p[s->places[1]], p[0], (tg_epilogue)(intptr_t)s->epilogue, &launch);                 \
  }
TG_STEP(gemm_f32, tg_gemm)
TG_STEP(gemm_f64, tg_gemm)
TG_STEP(convolution_f32, tg_convolution)
TG_STEP(convolution_f64, tg_convolution)

/** Pointers: the output, A, and where the last number is 1, B. */
#define TG_ROUTINE(suffix)                                                                                                     \
  TG_EXPORT void tg_step_routine_##suffix(void *const *p, const int64_t *numbers) {                                            \
    const tg_routine *shape = (const tg_routine *)numbers;                                                                     \
    tg_routine_##suffix(shape, p[1], numbers[sizeof *shape / sizeof *numbers] ? p[2] : NULL, p[0]);                            \
  }
TG_ROUTINE(f32)
TG_ROUTINE(f64)
TG_ROUTINE(i32)

/**
 * Steps that need nothing of each other: the threads are shared among them. The numbers say for each member, and after the last one
 * for its end, its first step and pointer, and what it costs in multiplications; the most costly come first.
 */
typedef struct {
  int64_t members;
  const tg_step *steps;
  struct {
    int64_t step, pointer, effort;
  } of[];
} tg_company;

typedef struct {
  const tg_company *company;
  void *const *p;
  /** Where the members begin that are one chunk each. */
  int64_t first;
} tg_members;

static void tg_run_member(void *context, int64_t chunk) {
  const tg_members *members = context;
  const tg_company *company = members->company;
  int64_t i = members->first + chunk;
  void *const *p = members->p + company->of[i].pointer;
  for (int64_t s = company->of[i].step; s < company->of[i + 1].step; p += company->steps[s++].pointers)
    company->steps[s].run(p, company->steps[s].numbers);
}

/** A member with much more to do than a chunk, and more than a thread's share, is run by all threads, the others by one each. */
TG_EXPORT void tg_step_together(void *const *p, const int64_t *numbers) {
  tg_members members = {(const tg_company *)numbers, p, 0};
  const tg_company *company = members.company;
  int64_t rest = 0, threads = tg_threads();
  for (int64_t i = 0; i < company->members; i++) rest += company->of[i].effort;
  for (; members.first < company->members; members.first++) {
    int64_t effort = company->of[members.first].effort;
    if (effort < 8 * TG_CHUNK_WORK || effort * threads < rest) break;
    rest -= effort;
    tg_run_member(&members, 0);
  }
  int64_t left = company->members - members.first;
  if (rest >= 4 * TG_CHUNK_WORK) tg_parallel(left, tg_run_member, &members);
  else
    for (int64_t i = 0; i < left; i++) tg_run_member(&members, i);
}

/** The addresses of the functions above, in this order: products, convolutions, routines, steps together. */
TG_EXPORT void tg_step_functions(int64_t *table) {
  void *const functions[] = {tg_step_gemm_f32, tg_step_gemm_f64, tg_step_convolution_f32, tg_step_convolution_f64,
                             tg_step_routine_f32, tg_step_routine_f64, tg_step_routine_i32, tg_step_together};
  for (int i = 0; i < 8; i++) table[i] = (int64_t)(intptr_t)functions[i];
}
