/**
 * A matrix product with an epilogue, one matrix of the batch at a time: the product goes to the place of the first output, and
 * the map runs over it while it is in the cache.
 */
import { sizeOf } from "../../base/dtype.ts";
import type { KernelLaunch, Launch, MatmulLaunch } from "../../kernel/launch.ts";
import type { Address, Runnable } from "../device.ts";

export function withEpilogue(launch: MatmulLaunch, epilogue: KernelLaunch, prepare: (part: Launch) => Runnable): Runnable {
  const { m, n, dtype, batch } = launch;
  const outputs = epilogue.kernel.outputs.length;
  const size = sizeOf(dtype);
  const products = batch.map((at) => {
    const { epilogue: _, ...plain } = launch;
    return prepare({ ...plain, batch: [at] });
  });
  // In the launches of the map, input 0 is the product and those of the application follow.
  const inputs = epilogue.inputs.map((i) => i + 1);
  const { geometry } = epilogue;
  const maps = batch.map((_, b) =>
    prepare({
      ...epilogue,
      inputs,
      geometry: {
        ...geometry,
        extents: [1, m, n],
        offsets: geometry.offsets.map((o, k) => o + b * ((geometry.strides[k] as readonly number[])[0] as number)),
      },
    }),
  );
  return (...addresses) => {
    const [first] = addresses;
    const given = addresses.slice(outputs) as Address[];
    const stored = addresses.slice(0, outputs) as [Address];
    for (const [b, at] of batch.entries()) {
      (products[b] as Runnable)(first, ...given);
      // The map finds the product where it was put: at the start of the first output, its strides leading to matrix b.
      (maps[b] as Runnable)(...stored, first + (at.c - b * m * n) * size, ...given);
    }
  };
}
