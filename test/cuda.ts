/**
 * The CUDA device for tests: on a GPU where TRIGRAD_TEST_GPU is 1, else on the fake driver, which runs kernels on the CPU
 * (docs/fake-cuda.md). Importing this makes `cuda` a device of the process, if it can be one, before anybody looks for it.
 */
import { findCuda } from "../core/device/cuda/availability.ts";
import { fakeCuda } from "./fake-cuda/fake-cuda.ts";

const onGpu = process.env.TRIGRAD_TEST_GPU === "1";
if (!onGpu) Object.assign(process.env, fakeCuda()?.environment ?? { TRIGRAD_LIBCUDA: "" });

/** Whether tests on CUDA can run, and on what, or why they cannot. */
export const cuda = findCuda();
if (!cuda.available) process.stderr.write(`tests of the CUDA device are skipped: ${cuda.detail}\n`);
else if (onGpu) process.stderr.write(`tests of the CUDA device run on ${cuda.detail}\n`);
