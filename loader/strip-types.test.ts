import { describe, expect, it } from "vitest";
import { dualIntrinsics } from "../test/loader/dual.ts";
import { compile } from "./compile.ts";
import { loadModule } from "./load.ts";

function run(source: string, x = 3): unknown {
  return (loadModule({ file: "/programs/p.ts", source }, dualIntrinsics).exports.f as (x: number) => unknown)(x);
}

/** Modules whose f(3) is known. */
const MODULES: readonly (readonly [string, unknown])[] = [
  [
    "export function f<T extends number>(this: void, x: T, y?: number, ...rest: readonly number[]): number { let z!: number; z = x as number; return (z satisfies number)! + rest.length + (y ?? 1); }",
    4,
  ],
  [
    "type A = { a: number };\ninterface B extends A { b?: A }\nexport type { A };\nexport interface C {}\ndeclare const q: number;\ndeclare function grad(f: unknown): unknown;\ndeclare module 'x' { export const y: number; }\ndeclare global { interface Window {} }\nexport const f = (x: number): x is never => <any>x;",
    3,
  ],
  ["export const f = <T,>(x: T): T => ((v: T): T => v)(x as unknown as T);", 3],
  [
    "const id = <const T>(v: T) => v;\nconst g = id<number>;\nexport const f = (x: number) => g(x) + new Map<string, Array<number>>().size + id<(a: number) => void>(() => {}).length;",
    3,
  ],
  [
    "abstract class Base<T> {\n  declare ghost: T;\n  protected abstract value(): number;\n  abstract kind: string;\n  [key: string]: unknown;\n  static readonly one: number = 1\n  private v?: number\n  public override toString(): string { return 'b' }\n  get w(): number { return this.value() + Base.one }\n}\nclass D extends Base<number> implements Iterable<number>, PromiseLike<never> {\n  constructor(private readonly a: number, public b = 2, c?: number) { super(); this.b += 1 }\n  protected override value(): number { return this.a * this.b }\n  then!: never; [Symbol.iterator](): never { throw 1 }\n  kind = 'd'\n}\nexport const f = (x: number) => new D(x).w;",
    10,
  ],
  [
    "class P { constructor(protected x: number) {} }\nclass Q extends P {\n  y = 1\n  constructor(x: number, readonly z: number) {\n    super(x)\n    this.y += this.z\n  }\n  get sum() { return this.x + this.y + this.z }\n}\nexport const f = (x: number) => new Q(x, 10).sum;",
    24,
  ],
  [
    "class O { m(a: string): string\n  m(a: number): number\n  m(a: any): any { return a }\n  optional?(): void\n  'quoted'?: number; 12!: number; ['computed']?: number; static async = 1; readonly = 2; static static = 3 }\nexport const f = (x: number) => new O().m(x) + O.static + new O().readonly;",
    8,
  ],
  [
    "function over(a: string): string;\nfunction over(a: number): number;\nfunction over(a: any) { return a }\nexport const f = (x: number) => over(x)",
    3,
  ],
  ["let a = 1 as any\n;[a] = [2]\nlet b = a as number\n(function () {})\nexport const f = (x: number) => x + a", 5],
  ["type T = number\nlet i = 0\ninterface X { a: 1 }\n++i\nexport const f = (x: number) => { let y = x as T\n y++\n return y\n }", 4],
  ["export const f = (\n  x: number,\n)\n  : {\n    a: number;\n  } => ({ a: x });", { a: 3 }],
  ["export const f = (x: number) => { for (const v of [x] as number[]) return <number>(v as\n  | 1\n  | number); return 0 }", 3],
  ["export const f = (x: number) => { try { throw x } catch (e: unknown) { return (e as number) + 1 } }", 4],
  [
    "export const f = (x: number) => { const { a, b = 2 }: { a: number; b?: number } = { a: x }; const [c]: [number] = [a]; return c + b }",
    5,
  ],
  [
    "export const f = (x: number) => { const xs = [x, 1]; return xs.filter<number>((v): v is number => v > 2).length + (xs as number[])!.indexOf(x as number)!; }",
    1,
  ],
  [
    "enumerate();\nfunction enumerate() {}\nconst type = 1, declare = 2, namespace = 3, abstract = 4, as = 5;\nexport const f = (x: number) => x + type + declare + namespace + abstract + as;",
    18,
  ],
  [
    "export const f = (x: number) => { let o: any = { v: x }; (o as { v: number }).v += 1; o!.v++; (<any>o).v *= 2; (x as number) += o.v; return x }",
    13,
  ],
  [
    "import type { Y } from './never.ts';\nimport { type Z } from './never.ts';\nimport { W } from './never.ts';\nexport const f = (x: number & Y & Z & W) => x;",
    3,
  ],
  ["const s = { a: 1 } as const satisfies { a: number };\nexport const f = (x: typeof s extends infer U ? number : never) => x + s.a;", 4],
];

describe("types are erased", () => {
  for (const [source, want] of MODULES) it(source, () => expect(run(source)).toEqual(want));

  it("and leave each line of code on the line of its map", () => {
    const source = "type Long = {\n  a: number;\n};\nexport function f(\n  x: Long\n    & number,\n): number {\n  return x;\n}\n";
    const compiled = compile("/programs/p.ts", source);
    const code = compiled.code.split("\n");
    const line = code.findIndex((text) => text.includes("return"));
    const column = (code[line] as string).indexOf("return");
    const segment = compiled.segments()[line]?.find((s) => s[0] === column);
    expect(segment?.slice(2, 4)).toEqual([7, 2]);
  });
});
