/** Which products OpenBLAS is asked for, and how: seen by a library in its place that counts and checks what it is called with. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { findCompiler, runtimeFolder } from "./compiler.ts";

const compiler = findCompiler();
if (compiler === undefined) console.warn("skipping tests of the use of OpenBLAS: no C compiler on this machine");

/** One thread's product by the definition; a call that BLAS would refuse is counted apart. */
const STAND_IN = `#include <pthread.h>
#define EXPORT __attribute__((visibility("default")))
EXPORT int calls, refused, threads;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
EXPORT void openblas_set_num_threads(int n) { threads = n; }
#define GEMM(name, T) \\
  EXPORT void name(int order, int ta, int tb, int m, int n, int k, T alpha, const T *a, int lda, const T *b, int ldb, T beta, T *c, int ldc) { \\
    pthread_mutex_lock(&lock); calls++; \\
    if (order != 101 || lda < (ta == 112 ? m : k) || ldb < (tb == 112 ? k : n) || ldc < n) refused++; \\
    pthread_mutex_unlock(&lock); \\
    for (int i = 0; i < m; i++) for (int j = 0; j < n; j++) { \\
      T sum = 0; \\
      for (int p = 0; p < k; p++) sum += (ta == 112 ? a[(long)p * lda + i] : a[(long)i * lda + p]) * (tb == 112 ? b[(long)j * ldb + p] : b[(long)p * ldb + j]); \\
      c[(long)i * ldc + j] = alpha * sum; \\
    } \\
  }
GEMM(cblas_sgemm, float)
GEMM(cblas_dgemm, double)
`;

/** Prints for each product: calls, calls that BLAS would refuse, elements that are wrong. Arguments: the library, then m,n,k,ta,tb,excess of lines,epilogue. */
const PROGRAM = `#include "special.c"
#include "pool.c"
#include "memory.c"
#include "blas.c"
#include "gemm.c"
#include <stdio.h>
#include <stdlib.h>
static void nothing(void *context, int64_t batch, int64_t row0, int64_t row1, int64_t column0, int64_t column1) {}
int main(int count, char **arguments) {
  tg_set_threads(3);
  if (!tg_open_blas(arguments[1])) return printf("not used\\n"), 0;
  void *library = dlopen(arguments[1], RTLD_NOW);
  int *calls = dlsym(library, "calls"), *refused = dlsym(library, "refused"), *threads = dlsym(library, "threads");
  if (*threads != 1) return 1;
  for (int at = 2; at < count; at++) {
    int m, n, k, ta, tb, excess, epilogue;
    sscanf(arguments[at], "%d,%d,%d,%d,%d,%d,%d", &m, &n, &k, &ta, &tb, &excess, &epilogue);
    int64_t lda = (ta ? m : k) + excess, ldb = (tb ? k : n) + excess, ldc = n + excess;
    float *a = calloc(lda * (ta ? k : m), 4), *b = calloc(ldb * (tb ? n : k), 4), *c = calloc(ldc * m, 4);
    for (int i = 0; i < m; i++) for (int p = 0; p < k; p++) a[ta ? p * lda + i : i * lda + p] = (i * 3 + p * 5) % 7 - 3;
    for (int p = 0; p < k; p++) for (int j = 0; j < n; j++) b[tb ? j * ldb + p : p * ldb + j] = (p * 2 + j * 3) % 5 - 2;
    tg_gemm shape = {.m = m, .n = n, .k = k, .transpose_a = ta, .transpose_b = tb, .lda = lda, .ldb = ldb, .ldc = ldc, .batches = 1};
    *calls = *refused = 0;
    tg_gemm_f32(&shape, a, b, c, epilogue ? nothing : 0, 0);
    int wrong = 0;
    for (int i = 0; i < m; i++) for (int j = 0; j < n; j++) {
      float sum = 0;
      for (int p = 0; p < k; p++) sum += ((i * 3 + p * 5) % 7 - 3) * ((p * 2 + j * 3) % 5 - 2);
      wrong += c[i * ldc + j] != sum;
    }
    printf("%d %d %d\\n", *calls, *refused, wrong);
  }
  fflush(stdout);
  _exit(0);
}
`;

describe.skipIf(compiler === undefined)("OpenBLAS, where it is found", () => {
  const folder = mkdtempSync(join(tmpdir(), "trigrad-blas-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function build(name: string, source: string, flags: readonly string[]): string {
    const file = join(folder, `${name}.c`);
    writeFileSync(file, source);
    const [command, ...leading] = (compiler?.command ?? []) as [string, ...string[]];
    const out = join(folder, name);
    execFileSync(command, [
      ...leading,
      "-std=gnu11",
      "-D_GNU_SOURCE",
      "-O1",
      "-pthread",
      `-I${runtimeFolder}`,
      ...flags,
      file,
      "-o",
      out,
      "-lm",
      "-ldl",
    ]);
    return out;
  }
  const library = build("blas.so", STAND_IN, ["-shared", "-fPIC"]);
  const program = build("main", PROGRAM, []);
  const run = (...args: string[]) => execFileSync(program, args, { encoding: "utf8", timeout: 60_000 }).trim().split("\n");

  test("multiplies all but small products and those of few rows or columns, in parts that cover the product once", () => {
    const products = {
      // Of each way to be stored, with lines that are longer than what is read of them, and of a length that no part divides.
      "600,530,70,0,0,0,0": "several",
      "600,530,70,1,0,3,0": "several",
      "600,530,70,0,1,5,0": "several",
      "600,530,70,1,1,0,0": "several",
      "70,1300,40,0,0,0,0": "several",
      "1300,10,90,0,1,0,0": "several",
      "64,64,64,0,0,0,0": "one",
      "20,20,20,0,0,0,0": "none",
      "8,600,300,0,0,0,0": "none",
      "600,2,300,0,0,0,0": "none",
      // With an epilogue, as long as it finds a part in the cache.
      "300,200,70,0,0,0,1": "several",
      "600,530,70,0,0,0,1": "none",
      // One term: lines of B have one element, which BLAS would take for too short.
      "600,530,1,0,1,0,0": "none",
    };
    const found = run(library, ...Object.keys(products)).map((line) => line.split(" ").map(Number) as [number, number, number]);
    expect(found.map(([calls]) => (calls > 1 ? "several" : calls === 1 ? "one" : "none"))).toEqual(Object.values(products));
    expect(found.map(([, refused, wrong]) => [refused, wrong])).toEqual(found.map(() => [0, 0]));
  });

  test("is not used where several threads may not call it at once", () => {
    const serial = `${STAND_IN}EXPORT int openblas_get_parallel(void) { return 0; }\n`;
    const config = (text: string) => `EXPORT const char *openblas_get_config(void) { return "${text}"; }\n`;
    const alone = build("serial.so", serial + config("SINGLE_THREADED"), ["-shared", "-fPIC"]);
    expect(run(alone)).toEqual(["not used"]);
    const locking = build("locking.so", serial + config("USE_LOCKING SINGLE_THREADED"), ["-shared", "-fPIC"]);
    expect(run(locking, "64,64,64,0,0,0,0")).toEqual(["1 0 0"]);
  });

  test("is not used where its threads cannot be set", () => {
    const other = build("other.so", STAND_IN.replaceAll("openblas_set_num_threads", "another"), ["-shared", "-fPIC"]);
    expect(run(other)).toEqual(["not used"]);
    expect(run(join(folder, "nothing.so"))).toEqual(["not used"]);
  });
});
