/**
 * Binding: a generated function with the offsets and numbers of one launch becomes a {@link Runnable}. Every arity has a closure
 * of its own, so that a launch is one call with numbers as arguments; the general case maps and collects them.
 */
import { sizeOf } from "../base/dtype.ts";
import type { KernelLaunch } from "../kernel/launch.ts";
import type { Address, Runnable } from "./device.ts";

/** A generated function: addresses of the outputs and of the operands, then the length or the address of the numbers. */
export type GeneratedFunction = (...args: number[]) => void;

export interface Binding {
  readonly run: GeneratedFunction;
  readonly outputs: number;
  /** For each operand, which input of the application it reads. */
  readonly inputs: readonly number[];
  /** Bytes to add to each address: per operand, then per output. */
  readonly offsets: readonly number[];
  readonly last: number;
  readonly counter: { value: number };
}

export function bindArguments({ run, outputs, inputs, offsets, last, counter }: Binding): Runnable {
  const [o0 = 0, o1 = 0, o2 = 0] = offsets;
  const isDirect = outputs === 1 && inputs.every((input, k) => input === k);
  const out0 = offsets.at(-1) as number;
  if (isDirect && inputs.length === 0) {
    return (out) => {
      counter.value++;
      run(out + out0, last);
    };
  }
  if (isDirect && inputs.length === 1) {
    return (out, a) => {
      counter.value++;
      run(out + out0, (a as Address) + o0, last);
    };
  }
  if (isDirect && inputs.length === 2) {
    return (out, a, b) => {
      counter.value++;
      run(out + out0, (a as Address) + o0, (b as Address) + o1, last);
    };
  }
  if (isDirect && inputs.length === 3) {
    return (out, a, b, c) => {
      counter.value++;
      run(out + out0, (a as Address) + o0, (b as Address) + o1, (c as Address) + o2, last);
    };
  }
  return (...given) => {
    counter.value++;
    const args: number[] = [];
    for (let o = 0; o < outputs; o++) args.push((given[o] as Address) + (offsets[inputs.length + o] as number));
    for (let k = 0; k < inputs.length; k++) args.push((given[outputs + (inputs[k] as number)] as Address) + (offsets[k] as number));
    args.push(last);
    run(...args);
  };
}

/** Bytes to add to the pointers of a kernel: per operand, then per output. */
export function byteOffsets({ kernel, geometry }: KernelLaunch): number[] {
  return [...kernel.operands, ...kernel.outputs].map((o, k) => (geometry.offsets[k] as number) * sizeOf(o.dtype));
}
