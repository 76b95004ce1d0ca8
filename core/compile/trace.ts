/**
 * Tracing: a program from a function over tensors, by running it once on symbols. Whatever the function does with the operations
 * of the core is noted, derivative operators included; tensors and numbers that it brings along become constants.
 */
import { type Aval, aval } from "../base/aval.ts";
import type { DType } from "../base/dtype.ts";
import { mismatch, unsupported } from "../base/errors.ts";
import type { Shape } from "../base/shape.ts";
import type { AnyPrimitive } from "../primitive.ts";
import { primitives } from "../primitives/table.ts";
import { weakDType } from "../tensor/eager.ts";
import { Tensor } from "../tensor/tensor.ts";
import { Traced, type Value } from "../tensor/traced.ts";
import { type Program, ProgramBuilder, type Value as ProgramValue } from "./program.ts";

class Unknown extends Traced {
  /** Below every derivative operator: a program holds what they compute. */
  readonly level = 0;
  readonly value: ProgramValue;
  readonly build: ProgramBuilder;

  constructor(build: ProgramBuilder, value: ProgramValue) {
    super();
    this.build = build;
    this.value = value;
  }

  get primal(): Value {
    throw unsupported(
      `a value of a program being traced, ${this.value.aval.dtype}[${this.value.aval.shape.join(", ")}], is used as a number, which is not known yet`,
      "keep conditions and counts on values that are known, or use where(...)",
    );
  }

  override get aval(): Aval {
    return this.value.aval;
  }

  override get shape(): Shape {
    return this.value.aval.shape;
  }

  override get dtype(): DType {
    return this.value.aval.dtype;
  }

  override parts(): readonly Value[] {
    return [];
  }

  interpret(primitive: AnyPrimitive, inputs: readonly Value[], params: unknown): Value {
    if (primitive === primitives.lift || primitive === primitives.stopGradient) return inputs[0] as Value;
    const { build } = this;
    const typing = inputs.flatMap((x) => (typeof x === "number" ? [] : [x as { readonly aval: Aval }]));
    const types = primitive === primitives.where && typing.length > 1 && typeof inputs[0] !== "number" ? typing.slice(1) : typing;
    const args = inputs.map((x): ProgramValue => {
      if (x instanceof Unknown) return x.value;
      if (x instanceof Tensor) return build.constant(x.aval, x.toArray());
      if (typeof x === "number") return build.scalar(x, weakDType(x, types));
      throw mismatch("a value that another derivative operator traces meets a program being traced");
    });
    return new Unknown(build, build.apply(primitive, args, params));
  }
}

/** The program of `f`, a function of tensors of these avals to tensors. Throws where `f` looks at a value. */
export function traceProgram(f: (...inputs: Tensor[]) => readonly Tensor[] | Tensor, avals: readonly Aval[]): Program {
  const build = new ProgramBuilder();
  const inputs = avals.map((a) => new Unknown(build, build.input(a)));
  const given = f(...(inputs as unknown as Tensor[]));
  const results: readonly unknown[] = Array.isArray(given) ? given : [given];
  const outputs = results.map((x): ProgramValue => {
    if (x instanceof Unknown) return x.value;
    if (x instanceof Tensor) return build.constant(x.aval, x.toArray());
    if (typeof x === "number") return build.constant(aval([], "f64"), Float64Array.of(x));
    throw mismatch(`a traced function gives tensors, and gave ${typeof x}`);
  });
  return build.finish(outputs);
}
