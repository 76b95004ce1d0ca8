/** `Math` as programs find it: functions of numbers that are primitives of the core, and its constants. */
import type { Node as Syntax } from "oxc-parser";
import type { primitives } from "../../../core/primitives/table.ts";
import type { Node } from "../ir/graph.ts";
import type { Natives } from "./natives.ts";
import { constantOf } from "./specialiser.ts";
import { Fn, type Value } from "./value.ts";

const MATH: Readonly<Record<string, keyof typeof primitives>> = Object.fromEntries(
  "abs sign floor ceil trunc round sqrt exp expm1 log log1p log2 log10 cbrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh"
    .split(" ")
    .map((n) => [n, n]),
) as never;

export function mathematics(host: Natives): ReadonlyMap<string, Value> {
  const fields = new Map<string, Value>();
  for (const [name, primitive] of Object.entries(MATH))
    fields.set(
      name,
      host.native(name, ([x]) => host.apply(primitive, host.numeric(x as Value))),
    );
  for (const name of ["pow", "atan2"] as const)
    fields.set(
      name,
      host.native(name, ([x, y]) => host.apply(name, host.numeric(x as Value), host.numeric(y as Value))),
    );
  const folded = (name: string, primitive: "maximum" | "minimum" | "hypot", start: number) => {
    const call = (args: readonly Value[], at: Syntax) => {
      const [first, ...rest] = args.map((a) =>
        host.spreads.has(a) ? (host.inLibrary(`${primitive}Of`, [a], at) as Node) : host.numeric(a),
      );
      if (first === undefined) return host.number(start);
      if (rest.length === 0 && primitive === "hypot") return host.apply("abs", first);
      return rest.reduce((a, b) => host.apply(primitive, a, b), first);
    };
    fields.set(name, new Fn({ kind: "native", name, call, takesSpread: true }));
  };
  folded("max", "maximum", Number.NEGATIVE_INFINITY);
  folded("min", "minimum", Number.POSITIVE_INFINITY);
  folded("hypot", "hypot", 0);
  fields.set(
    "fround",
    host.native("fround", ([x]) => host.frame.made((b) => b.ops.cast(host.frame.local(host.numeric(x as Value)), "f32"))),
  );
  for (const name of ["clz32", "imul"] as const)
    fields.set(
      name,
      host.native(name, (args) => {
        const known = args.map((a) => constantOf(host.numeric(a)));
        if (known.some((n) => typeof n !== "number"))
          throw host.refuse(`Math.${name} reads the bits of a number that is not known`, "use arithmetic: Math.floor(x / 2), x % 2");
        return host.number(Reflect.apply(Math[name], undefined, known) as number);
      }),
    );
  for (const name of ["PI", "E", "LN2", "LN10", "LOG2E", "LOG10E", "SQRT2", "SQRT1_2"] as const) fields.set(name, host.number(Math[name]));
  return fields;
}
