/**
 * What the machine itself can do, as peers of `npm run performance`: OpenBLAS called alone, and the C library's memcpy, in one
 * process where nothing else runs. Speaks the protocol of scripts/performance/peer.ts.
 */
import { createInterface } from "node:readline";
import { canCallNative, Library } from "../../core/device/foreign.ts";
import { systemCompiler } from "../../core/device/native/compiler.ts";
import { compileAndLoad } from "../../core/device/native/library.ts";
import { clock } from "../performance/side.ts";
import { fill, type InputSpec, sampled } from "../performance/workloads.ts";

interface Request {
  readonly do: "prepare" | "time" | "finish";
  readonly side: string;
  readonly workload: string;
  readonly inputs: readonly InputSpec[];
  readonly calls: number;
}

const THREADS = Number(process.env.TRIGRAD_THREADS);

/** Each thread copies its own part again and again, so that starting threads is shared by all calls of a batch. */
const COPY = `
#include <pthread.h>
#include <stdint.h>
#include <string.h>
typedef struct { char *to; const char *from; size_t bytes; int64_t calls; } Part;
static void *copy_part(void *given) {
  Part *p = given;
  for (int64_t i = 0; i < p->calls; i++) {
    memcpy(p->to, p->from, p->bytes);
    __asm__ volatile("" ::: "memory");
  }
  return 0;
}
__attribute__((visibility("default"))) void copy(void *to, const void *from, int64_t bytes, int32_t threads, int64_t calls) {
  pthread_t started[64];
  Part parts[64];
  if (threads > 64) threads = 64;
  int64_t each = ((bytes + threads - 1) / threads + 63) & ~(int64_t)63;
  for (int i = 0; i < threads; i++) {
    int64_t first = i * each < bytes ? i * each : bytes;
    int64_t last = first + each < bytes ? first + each : bytes;
    parts[i] = (Part){(char *)to + first, (const char *)from + first, (size_t)(last - first), calls};
  }
  int running = 1;
  while (running < threads && !pthread_create(&started[running], 0, copy_part, &parts[running])) running++;
  copy_part(&parts[0]);
  for (int i = running; i < threads; i++) copy_part(&parts[i]);
  for (int i = 1; i < running; i++) pthread_join(started[i], 0);
}
`;

/** A workload that is ready: nanoseconds per call. */
type Clock = (calls: number) => number;

function openBlas(): Library | undefined {
  const wanted = process.env.TRIGRAD_OPENBLAS;
  for (const name of wanted ? [wanted] : ["libopenblas.so.0", "libopenblas.so", "libopenblas.dylib"]) {
    try {
      const library = new Library(name);
      if (library.has("openblas_set_num_threads") && library.has("cblas_sgemm")) return library;
    } catch {
      // Not installed under this name: the next.
    }
  }
  return undefined;
}

function main(): void {
  const say = (answer: object) => process.stdout.write(`${JSON.stringify(answer)}\n`);
  if (!canCallNative()) return void say({ absent: "native code cannot be called here" });
  const blas = openBlas();
  const copies = systemCompiler() === undefined ? undefined : compileAndLoad(COPY, "copy");
  blas?.declare("openblas_set_num_threads", "void", ["int32"])(THREADS);
  const describe = blas?.declare("openblas_get_config", "string", []);
  say({ about: { OpenBLAS: describe === undefined ? "not found" : String(describe()), compiler: systemCompiler()?.version ?? "none" } });

  const int = "int32";
  const gemm = blas?.declare("cblas_sgemm", "void", [int, int, int, int, int, int, "f32", "data", int, "data", int, "f32", "data", int]);
  const copy = copies?.declare("copy", "void", ["data", "data", "int64", "int32", "int64"]);
  const prepared = new Map<string, Clock>();

  const prepare = ({ side, workload, inputs }: Request): object => {
    const given = inputs.map((spec, i) => fill(spec, i));
    if (side === "OpenBLAS" && workload === "matmul") {
      if (gemm === undefined) return { absent: "OpenBLAS is not installed" };
      const [a, b] = given as [Float32Array, Float32Array];
      const n = inputs[0]?.shape[0] as number;
      const c = new Float32Array(n * n);
      const [rowMajor, asItIs] = [101, 111];
      const run = () => void gemm(rowMajor, asItIs, asItIs, n, n, n, 1, a, n, b, n, 0, c, n);
      run();
      prepared.set(side, (calls) => clock(run, () => {}, calls));
      return { outputs: [sampled(c)] };
    }
    if (side === "memcpy" && (workload === "negate" || workload === "add")) {
      if (copy === undefined) return { absent: "no C compiler, and memcpy is called by several threads" };
      // As many bytes as the workload reads and writes: half of them read, half written.
      const from = given.length === 1 ? (given[0] as Float32Array) : concatenated(given, 0.75);
      const to = new Float32Array(from.length).fill(1);
      const times = (calls: number) => () => void copy(to, from, from.byteLength, THREADS, calls);
      times(1)();
      prepared.set(side, (calls) => clock(times(calls), () => {}, 1) / calls);
      return { outputs: [] };
    }
    return { absent: "not a workload of this side" };
  };

  createInterface({ input: process.stdin }).on("line", (line) => {
    const request = JSON.parse(line) as Request;
    try {
      if (request.do === "prepare") say(prepare(request));
      else if (request.do === "time") say({ nanoseconds: (prepared.get(request.side) as Clock)(request.calls) });
      else {
        prepared.delete(request.side);
        say({});
      }
    } catch (error) {
      say({ error: (error as Error).message });
    }
  });
}

/** The first `share` of several arrays in one. */
function concatenated(arrays: readonly Float32Array[], share: number): Float32Array {
  const all = new Float32Array(arrays.reduce((n, a) => n + a.length, 0));
  let at = 0;
  for (const a of arrays) {
    all.set(a, at);
    at += a.length;
  }
  return all.slice(0, Math.floor(all.length * share));
}

main();
