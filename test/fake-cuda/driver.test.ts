/** The fake's driver keeps the rules of the real one: order between streams, captures and graphs, limits, codes of errors. */
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Driver, int, must, pointer } from "./driver.ts";
import { fakeCuda } from "./fake-cuda.ts";

const fake = fakeCuda();
const CAPTURE_UNSUPPORTED = 900;
const CAPTURE_INVALIDATED = 901;
const NOT_READY = 600;

describe.runIf(fake !== undefined)("the fake driver", () => {
  beforeAll(() => {
    process.env.FAKE_CUDA_QUIET = "1";
  });
  afterAll(() => {
    delete process.env.FAKE_CUDA_QUIET;
  });
  const driver = () => new Driver(fake as NonNullable<typeof fake>);
  const STEP = `extern "C" __global__ void step(float *x, int a) { x[threadIdx.x] = x[threadIdx.x] * 2 + a; }`;

  function stepper(d: Driver, value: number) {
    const kernel = d.kernel(STEP, "step");
    const buffer = d.put(new Float32Array(32).fill(value));
    const step = (a: number, stream = d.stream) =>
      d.launch(kernel, { grid: [1], block: [32], stream, arguments: [pointer(buffer), int(a)] });
    return { step, buffer };
  }

  it("runs nothing before somebody waits, and tells by queries that work is not done", () => {
    const d = driver();
    const { step, buffer } = stepper(d, 1);
    const event = d.newEvent();
    must(d.sync());
    for (let i = 0; i < 5; i++) must(step(1));
    must(d.call.cuEventRecord(event, d.stream));
    expect(d.count("launches")).toBe(0);
    expect(d.call.cuEventQuery(event)).toBe(NOT_READY);
    expect(d.call.cuStreamQuery(d.stream)).toBe(NOT_READY);
    let polls = 0;
    while (d.call.cuEventQuery(event) === NOT_READY) polls++;
    expect(polls).toBeLessThan(10);
    expect(d.call.cuStreamQuery(d.stream)).toBe(0);
    expect(d.floats(buffer, 1)[0]).toBe(63);
    const time = new Float32Array(1);
    const later = d.newEvent();
    expect(d.call.cuEventElapsedTime(time, event, later)).toBe(400);
    must(step(0));
    must(d.call.cuEventRecord(later, d.stream));
    expect(d.call.cuEventElapsedTime(time, event, later)).toBe(NOT_READY);
    must(d.call.cuEventSynchronize(later));
    must(d.call.cuEventElapsedTime(time, event, later));
    expect(time[0]).toBeGreaterThan(0);
  });

  it("orders streams by events, and by nothing else", () => {
    const results = (withEvent: boolean) =>
      ["0", "1", "2", "3", "4", "5", "6", "7"].map((seed) => {
        process.env.FAKE_CUDA_SEED = seed;
        const d = driver();
        const { step, buffer } = stepper(d, 1);
        must(d.sync());
        const other = d.newStream();
        const event = d.newEvent();
        must(step(1));
        must(step(1));
        if (withEvent) {
          must(d.call.cuEventRecord(event, d.stream));
          must(d.call.cuStreamWaitEvent(other, event, 0));
        }
        must(step(100, other));
        must(d.call.cuStreamSynchronize(other));
        must(d.call.cuCtxSynchronize());
        return d.floats(buffer, 1)[0];
      });
    expect(new Set(results(true))).toEqual(new Set([114]));
    expect(new Set(results(false)).size).toBeGreaterThan(1);
    delete process.env.FAKE_CUDA_SEED;
  });

  it("keeps the default stream in order with blocking streams, and not with others", () => {
    const run = (flags: number) => {
      process.env.FAKE_CUDA_SEED = "0";
      const d = driver();
      const { step, buffer } = stepper(d, 1);
      must(d.sync());
      const stream = d.newStream(flags);
      must(step(10, stream));
      must(step(1, 0));
      must(d.call.cuStreamSynchronize(0));
      must(d.call.cuCtxSynchronize());
      delete process.env.FAKE_CUDA_SEED;
      return d.floats(buffer, 1)[0];
    };
    expect(run(0)).toBe(25);
    expect(run(1)).toBe(16);
  });

  it("captures launches to a graph, which runs them as often as it is launched", () => {
    const d = driver();
    const { step, buffer } = stepper(d, 0);
    must(d.sync());
    must(d.call.cuStreamBeginCapture_v2(d.stream, 0));
    for (let i = 1; i <= 3; i++) must(step(i));
    const status = new Int32Array(1);
    must(d.call.cuStreamIsCapturing(d.stream, status));
    expect(status[0]).toBe(1);
    const graph = d.made((out) => d.call.cuStreamEndCapture(d.stream, out));
    expect(d.count("launches")).toBe(0);
    expect(d.made((out) => d.call.cuGraphGetNodes(graph, 0, out))).toBe(3);
    const executable = d.made((out) => d.call.cuGraphInstantiateWithFlags(out, graph, 0));
    must(d.call.cuGraphDestroy(graph));
    expect(d.floats(buffer, 1)[0]).toBe(0);
    must(d.call.cuGraphLaunch(executable, d.stream));
    must(d.call.cuGraphLaunch(executable, d.stream));
    must(d.call.cuGraphExecDestroy(executable));
    expect(d.floats(buffer, 1)[0]).toBe(11 * 8 + 11);
    expect([d.count("launches"), d.count("graphs")]).toEqual([6, 2]);
    expect(d.call.cuGraphLaunch(executable, d.stream)).toBe(400);
  });

  it("captures a fork to another stream and its join, and runs branches in any order", () => {
    const seen = new Set<number>();
    for (let seed = 0; seed < 10; seed++) {
      process.env.FAKE_CUDA_SEED = String(seed);
      const d = driver();
      const { step, buffer } = stepper(d, 0);
      must(d.sync());
      const other = d.newStream();
      const [fork, join] = [d.newEvent(), d.newEvent()];
      must(d.call.cuStreamBeginCapture_v2(d.stream, 0));
      must(d.call.cuEventRecord(fork, d.stream));
      must(d.call.cuStreamWaitEvent(other, fork, 0));
      must(step(1));
      must(step(10, other));
      must(d.call.cuEventRecord(join, other));
      expect(d.call.cuEventQuery(join)).toBe(907);
      must(d.call.cuStreamWaitEvent(d.stream, join, 0));
      must(step(0));
      const graph = d.made((out) => d.call.cuStreamEndCapture(d.stream, out));
      must(
        d.call.cuGraphLaunch(
          d.made((out) => d.call.cuGraphInstantiateWithFlags(out, graph, 0)),
          d.stream,
        ),
      );
      seen.add(d.floats(buffer, 1)[0] as number);
    }
    delete process.env.FAKE_CUDA_SEED;
    expect(seen).toEqual(new Set([24, 42]));
  });

  it("refuses in a capture what a capture does not allow, and gives no graph of it", () => {
    const spoilers: [string, number, (d: Driver, first: number) => number][] = [
      ["cuMemAlloc", CAPTURE_UNSUPPORTED, (d) => d.call.cuMemAlloc_v2(new BigUint64Array(1), 4)],
      ["cuMemHostAlloc", CAPTURE_UNSUPPORTED, (d) => d.call.cuMemHostAlloc(new BigUint64Array(1), 4, 0)],
      ["cuStreamSynchronize", CAPTURE_UNSUPPORTED, (d) => d.sync()],
      ["cuStreamQuery", CAPTURE_UNSUPPORTED, (d) => d.call.cuStreamQuery(d.stream)],
      ["cuCtxSynchronize", CAPTURE_UNSUPPORTED, (d) => d.call.cuCtxSynchronize()],
      [
        "a copy of pageable memory",
        CAPTURE_UNSUPPORTED,
        (d, first) => d.call.cuMemcpyDtoHAsync_v2(new Float32Array(1), first, 4, d.stream),
      ],
    ];
    for (const [name, code, spoil] of spoilers) {
      const d = driver();
      const first = d.alloc(64);
      must(d.call.cuStreamBeginCapture_v2(d.stream, 0));
      must(d.call.cuMemsetD32Async(first, 0, 1, d.stream));
      expect([name, spoil(d, first)]).toEqual([name, code]);
      const status = new Int32Array(1);
      must(d.call.cuStreamIsCapturing(d.stream, status));
      expect([name, status[0]]).toEqual([name, 2]);
      expect(d.call.cuMemsetD32Async(first, 0, 1, d.stream)).toBe(CAPTURE_INVALIDATED);
      expect(d.call.cuStreamEndCapture(d.stream, new BigUint64Array(1))).toBe(CAPTURE_INVALIDATED);
      must(d.call.cuMemsetD32Async(first, 1, 1, d.stream));
      expect(d.get(first, new Int32Array(1))[0]).toBe(1);
    }
  });

  it("finds captured work that nobody waits for, events of outside, and the default stream", () => {
    const d = driver();
    const buffer = d.alloc(4);
    const work = (stream: number) => d.call.cuMemsetD32Async(buffer, 0, 1, stream);
    const [other, event] = [d.newStream(), d.newEvent()];
    const end = () => d.call.cuStreamEndCapture(d.stream, new BigUint64Array(1));
    must(d.call.cuStreamBeginCapture_v2(d.stream, 0));
    must(d.call.cuEventRecord(event, d.stream));
    must(d.call.cuStreamWaitEvent(other, event, 0));
    must(work(other));
    expect(end()).toBe(904);

    must(d.call.cuEventRecord(event, other));
    must(d.call.cuStreamBeginCapture_v2(d.stream, 0));
    expect(d.call.cuStreamWaitEvent(d.stream, event, 0)).toBe(905);
    expect(end()).toBe(CAPTURE_INVALIDATED);

    const blocking = d.newStream(0);
    must(d.call.cuStreamBeginCapture_v2(blocking, 2));
    d.alloc(4);
    expect(work(0)).toBe(906);
    expect(d.call.cuStreamEndCapture(blocking, new BigUint64Array(1))).toBe(CAPTURE_INVALIDATED);
    expect(d.call.cuStreamBeginCapture_v2(0, 0)).toBe(CAPTURE_UNSUPPORTED);
  });

  it("has memory that ends, and allocations that fail when they are asked to", () => {
    process.env.FAKE_CUDA_MEMORY = String(1 << 20);
    const d = driver();
    expect(d.made((out) => d.call.cuDeviceTotalMem_v2(out, 0))).toBe(1 << 20);
    const half = d.alloc(1 << 19);
    d.alloc(1 << 19);
    expect(d.call.cuMemAlloc_v2(new BigUint64Array(1), 1)).toBe(2);
    must(d.call.cuMemFree_v2(half));
    const [free, total] = [new BigUint64Array(1), new BigUint64Array(1)];
    must(d.call.cuMemGetInfo_v2(free, total));
    expect([Number(free[0]), Number(total[0])]).toEqual([1 << 19, 1 << 20]);
    process.env.FAKE_CUDA_FAIL_ALLOCATION = String(d.count("allocations") + 2);
    d.alloc(64);
    expect(d.call.cuMemAlloc_v2(new BigUint64Array(1), 64)).toBe(2);
    d.alloc(64);
    expect(d.call.cuMemAlloc_v2(new BigUint64Array(1), 0)).toBe(1);
    delete process.env.FAKE_CUDA_FAIL_ALLOCATION;
    delete process.env.FAKE_CUDA_MEMORY;
  });

  it("checks launches: shapes, shared memory, launch bounds, parameters", () => {
    const d = driver();
    const source = `extern "C" __global__ void __launch_bounds__(128) k(float *p, int n) { extern __shared__ float s[]; s[threadIdx.x] = n; __syncthreads(); p[0] = s[0]; }`;
    const kernel = d.kernel(source, "k");
    const given = [pointer(d.alloc(4)), int(1)];
    const launch = (grid: number[], block: number[], shared = 4096, parameters = given) =>
      d.launch(kernel, { grid, block, shared, arguments: parameters });
    expect(launch([1], [128])).toBe(0);
    expect(launch([1], [129])).toBe(701);
    expect(launch([1], [1025])).toBe(1);
    expect(launch([1], [1, 1, 65])).toBe(1);
    expect(launch([1], [0])).toBe(1);
    expect(launch([0], [1])).toBe(1);
    expect(launch([1, 65536], [1])).toBe(1);
    expect(launch([1, 1, 65536], [1])).toBe(1);
    expect(launch([1], [1], 49152)).toBe(0);
    expect(launch([1], [1], 49153)).toBe(1);
    must(d.call.cuFuncSetAttribute(kernel, 8, 100_000));
    expect(launch([1], [1], 100_000)).toBe(0);
    expect(launch([1], [1], 100_001)).toBe(1);
    expect(d.call.cuFuncSetAttribute(kernel, 8, 300_000)).toBe(1);
    expect(launch([1], [1], 4, [given[0] as (typeof given)[0]])).toBe(701);
    expect(launch([1], [1], 4, [...given, int(1), int(1)])).toBe(701);
    must(d.sync());
    const value = new Int32Array(1);
    must(d.call.cuFuncGetAttribute(value, 0, kernel));
    expect(value[0]).toBe(128);
    must(d.call.cuOccupancyMaxActiveBlocksPerMultiprocessor(value, kernel, 128, 65536));
    expect(value[0]).toBe(3);
  });

  it("compiles as NVRTC does: errors with their line, options that it does not know, too much shared memory, architectures", () => {
    const d = driver();
    const broken = d.tryCompile('extern "C" __global__ void f(float *x) {\n  x[0] = missing(1);\n}');
    expect(broken.status).toBe(6);
    expect(broken.log).toMatch(/^test\.cu\(2\): error: .*missing/m);
    expect(d.tryCompile("", ["--fast"]).status).toBe(5);
    expect(d.tryCompile("", ["--gpu-architecture=sm_61"]).status).toBe(5);
    const large = d.tryCompile('extern "C" __global__ void f(float *x) { __shared__ float s[12289]; s[0] = x[0]; x[1] = s[0]; }');
    expect(large.log).toContain("'f' uses too much shared data (49156 bytes, 49152 max)");
    for (const unsupported of [
      "#include <math.h>",
      "__device__ float g(float *p) { return atomicAdd(p, 1.0f); }",
      '__device__ void g() { asm("ret;"); }',
    ])
      expect([unsupported, d.tryCompile(unsupported).status]).toEqual([unsupported, 6]);
    const { image } = d.tryCompile(STEP, ["--gpu-architecture=sm_80"]);
    expect(d.call.cuModuleLoadData(new BigUint64Array(1), image)).toBe(209);
    expect(d.call.cuModuleLoadData(new BigUint64Array(1), new Uint8Array(64))).toBe(200);
    const module = d.made((out) => d.call.cuModuleLoadData(out, d.tryCompile(STEP).image));
    expect(d.call.cuModuleGetFunction(new BigUint64Array(1), module, "stop")).toBe(500);
    const mangled = d.tryCompile("__global__ void f(float *x) { x[0] = 1; }").image;
    const other = d.made((out) => d.call.cuModuleLoadData(out, mangled));
    expect(d.call.cuModuleGetFunction(new BigUint64Array(1), other, "f")).toBe(500);
    must(d.call.cuModuleUnload(module));
    expect(d.call.cuModuleUnload(module)).toBe(400);
  });

  it("keeps device memory from the host, which dies of reading it", { timeout: 60_000 }, () => {
    const { cuda } = fake as NonNullable<typeof fake>;
    const script = `
      const koffi = require("koffi");
      const lib = koffi.load(${JSON.stringify(cuda)});
      const f = (name, types) => lib.func(name, "int", types);
      const out = new BigUint64Array(1);
      f("cuInit", ["uint"])(0);
      f("cuDevicePrimaryCtxRetain", ["void *", "int"])(out, 0);
      f("cuCtxSetCurrent", ["uint64_t"])(out[0]);
      f("cuMemAlloc_v2", ["void *", "size_t"])(out, 4096);
      console.log("allocated", out[0] > 0n);
      console.log(new Uint8Array(koffi.view(out[0], 4096))[0]);`;
    const run = () => execFileSync(process.execPath, ["-e", script], { encoding: "utf8", stdio: "pipe" });
    try {
      run();
      expect.unreachable("the host read device memory");
    } catch (error) {
      const { stdout, stderr, signal } = error as { stdout: string; stderr: string; signal: string };
      expect([stdout, signal]).toEqual(["allocated true\n", "SIGSEGV"]);
      expect(stderr).toContain("the host touched device memory");
    }
  });
});
