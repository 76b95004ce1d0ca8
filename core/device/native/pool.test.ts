import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { canCallNative } from "../foreign.ts";
import { findCompiler, runtimeFolder } from "./compiler.ts";
import { compileAndLoad } from "./library.ts";
import { nativeRuntime } from "./runtime.ts";

const compiler = findCompiler();
const usable = compiler !== undefined && canCallNative();
if (!usable) console.warn("skipping tests of the native thread pool: no C compiler, or no koffi, on this machine");

const SOURCE = `#include "trigrad.h"
#include <pthread.h>
#include <unistd.h>
#include <sys/wait.h>
/* Each chunk adds one to its count, late where depth is below 0; with depth left it starts chunks of its own. */
typedef struct { int32_t *counts; int64_t chunks; int depth; } job;
static void count(void *context, int64_t chunk) {
  job *j = context;
  if (j->depth < 0) usleep(300);
  __atomic_fetch_add(&j->counts[chunk], 1, __ATOMIC_RELAXED);
  if (j->depth > 0) { job inner = {j->counts, j->chunks, j->depth - 1}; tg_parallel(j->chunks, count, &inner); }
}
TG_EXPORT void run(int64_t chunks, int64_t times, int32_t depth, int32_t *counts) {
  for (int64_t t = 0; t < times; t++) { job j = {counts, chunks, depth}; tg_parallel(chunks, count, &j); }
}
typedef struct { int64_t chunks, times; int32_t *counts; } caller;
static void *call(void *argument) { caller *c = argument; run(c->chunks, c->times, 0, c->counts); return 0; }
/* Several threads of the program use the pool at once. */
TG_EXPORT void run_from(int64_t callers, int64_t chunks, int64_t times, int32_t *counts) {
  pthread_t threads[16];
  caller c = {chunks, times, counts};
  for (int64_t i = 0; i < callers; i++) pthread_create(&threads[i], 0, call, &c);
  for (int64_t i = 0; i < callers; i++) pthread_join(threads[i], 0);
}
/* Whether a forked child, which has no worker, gets all its chunks done: its exit status. */
TG_EXPORT int32_t run_in_child(int64_t chunks, int32_t *counts) {
  run(chunks, 3, 0, counts);
  pid_t child = fork();
  if (child == 0) {
    memset(counts, 0, chunks * sizeof *counts);
    alarm(20);
    run(chunks, 2, 0, counts);
    for (int64_t i = 0; i < chunks; i++) if (counts[i] != 2) _exit(1);
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  return status;
}
#ifdef TG_MAIN
#include <stdlib.h>
int main(int argc, char **argv) {
  int32_t counts[64] = {0};
  tg_set_threads(4);
  run(64, atoi(argv[1]), 0, counts);
  exit(argc > 2 ? 3 : 0);
}
#endif
`;

describe.skipIf(!usable)("the native thread pool", () => {
  const runtime = nativeRuntime();
  const library = compileAndLoad(SOURCE, "pool-test");
  const run = library.declare("run", "void", ["int64", "int64", "int32", "data"]);
  const setThreads = runtime.library.declare("tg_set_threads", "void", ["int64"]);
  const threads = runtime.library.declare("tg_threads", "int64", []);
  const before = threads();
  const folder = mkdtempSync(join(tmpdir(), "trigrad-pool-"));
  afterAll(() => {
    setThreads(before);
    rmSync(folder, { recursive: true, force: true });
  });
  const all = (counts: Int32Array, value: number) => expect([...new Set(counts)]).toEqual([value]);

  test("runs every chunk exactly once, for any number of chunks and threads", () => {
    for (const count of [1, 2, 3, 8, 2, 1, 5]) {
      setThreads(count);
      expect(threads()).toBe(count);
      for (const chunks of [1, 2, 3, 7, 100]) {
        const counts = new Int32Array(chunks);
        run(chunks, 200, 0, counts);
        all(counts, 200);
      }
      run(0, 1, 0, new Int32Array(1));
    }
  });

  test("the number of threads may change between any two jobs", () => {
    for (let i = 0; i < 400; i++) {
      setThreads(1 + ((i * 5) % 7));
      const counts = new Int32Array(9);
      run(9, 1 + (i % 3), 0, counts);
      all(counts, 1 + (i % 3));
    }
  });

  test("returns when the last chunk is done, not when it is given out", () => {
    setThreads(3);
    for (let i = 1; i <= 50; i++) {
      const counts = new Int32Array(5);
      run(5, 1, -1, counts);
      all(counts, 1);
    }
  });

  test("chunks may start chunks of their own", () => {
    setThreads(4);
    const counts = new Int32Array(6);
    run(6, 20, 2, counts);
    // One, six and thirty-six starts of each chunk.
    all(counts, 20 * (1 + 6 + 36));
  });

  test("several threads of a program may use it at once", () => {
    setThreads(3);
    const counts = new Int32Array(9);
    library.declare("run_from", "void", ["int64", "int64", "int64", "data"])(5, 9, 2000, counts);
    all(counts, 10_000);
  });

  test("works in a forked child", () => {
    setThreads(3);
    expect(library.declare("run_in_child", "int32", ["int64", "data"])(50, new Int32Array(50))).toBe(0);
  });

  test("a process ends cleanly while workers live, fifty times", () => {
    const file = join(folder, "main.c");
    const program = join(folder, "main");
    writeFileSync(file, `#define TG_MAIN\n#include "special.c"\n#include "pool.c"\n#include "memory.c"\n${SOURCE}`);
    const [command, ...leading] = (compiler?.command ?? []) as [string, ...string[]];
    execFileSync(command, [...leading, "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-pthread", `-I${runtimeFolder}`, file, "-o", program, "-lm"]);
    for (let i = 0; i < 50; i++) execFileSync(program, [String(1 + (i % 5) * 20)], { timeout: 20_000 });
    // The check sees how a process ends.
    expect(() => execFileSync(program, ["1", "fail"])).toThrow();
  });
});
