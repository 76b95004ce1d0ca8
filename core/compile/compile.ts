/**
 * `compile(f)`: a function of tensors that is traced, optimised and planned on its first call with each signature. What a call costs
 * after that is one look-up, the outputs, and one call into the device. A new batch size is a new signature: plans are kept for
 * the most recent ones, and an evicted plan gives its arena back.
 */
import type { Aval } from "../base/aval.ts";
import { currentDevice, type Tensor } from "../tensor/tensor.ts";
import { type CompileOptions, compileProgram, type Executable } from "./executable.ts";
import { traceProgram } from "./trace.ts";

/** Plans kept by one compiled function. */
const MAX_PLANS = 16;

export interface Compiled<R extends readonly Tensor[] | Tensor> {
  (...inputs: Tensor[]): R;
  /** The plan for tensors like these. */
  executable(...inputs: readonly { readonly aval: Aval }[]): Executable;
  /** Gives all arenas back. */
  dispose(): void;
}

/** `f` may look at shapes, not at values. Runs on the device that is current when it is called. */
export function compile<R extends readonly Tensor[] | Tensor>(f: (...inputs: Tensor[]) => R, options: CompileOptions = {}): Compiled<R> {
  const plans = new Map<string, { readonly executable: Executable; readonly isList: boolean }>();
  const find = (inputs: readonly { readonly aval: Aval }[]) => {
    const device = currentDevice();
    const key = `${device.name}:${inputs.map((t) => t.aval.id).join(",")}`;
    let plan = plans.get(key);
    if (plan !== undefined && plan.executable.device === device) {
      plans.delete(key);
    } else {
      plan?.executable.dispose();
      let isList = false;
      const program = traceProgram(
        (...symbols) => {
          const result = f(...symbols);
          isList = Array.isArray(result);
          return result;
        },
        inputs.map((t) => t.aval),
      );
      plan = { executable: compileProgram(program, device, options), isList };
      if (plans.size >= MAX_PLANS) {
        const [oldest] = plans.keys();
        plans.get(oldest as string)?.executable.dispose();
        plans.delete(oldest as string);
      }
    }
    plans.set(key, plan);
    return plan;
  };
  const call = (...inputs: Tensor[]): R => {
    const { executable, isList } = find(inputs);
    const results = executable.run(inputs);
    return (isList ? results : results[0]) as R;
  };
  return Object.assign(call, {
    executable: (...inputs: readonly { readonly aval: Aval }[]) => find(inputs).executable,
    dispose() {
      for (const { executable } of plans.values()) executable.dispose();
      plans.clear();
    },
  });
}
