import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { projectRoot } from "../../harness/root.ts";
import { bench } from "./bench.ts";

const resultSchema = z.strictObject({
  value: z.unknown(),
  grad: z.array(z.unknown()),
  derivatives: z.array(z.number()).optional(),
  engine: z.literal("tape"),
  device: z.string(),
  dtype: z.literal("f64"),
});
const refusalSchema = z.strictObject({
  error: z.strictObject({
    kind: z.enum(["unsupported", "type", "syntax", "runtime"]),
    message: z.string().min(1),
    file: z.string().min(1),
    line: z.int().min(1),
    column: z.int().min(1),
  }),
});

let folder = "";
let file = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "trigrad-grad-"));
  file = join(folder, "functions.ts");
  writeFileSync(
    file,
    `export function f(x: number, p: { a: number; b: number[] }, mode: string, on: boolean): number {
  let s = x * p.a;
  for (const v of p.b) s += mode === "sin" ? Math.sin(v) * x : v;
  return on ? s : 0;
}
export const cube = (x: number): number => x ** 3;
export function chatty(x: number): number { console.log("noise"); return 2 * x; }
export function throws(x: number): number { if (x > 0) throw new Error("too large"); return x; }
export function vector(x: number): number[] { return [x, 2 * x]; }
export function overflow(x: number): number { return Math.exp(x); }
export function endless(x: number): number { let i = x; while (i > 0) i = i + 1 - 1; return i; }
export function empty(xs: number[], y: number): number { let s = y; for (const x of xs) s += x; return s; }
`,
  );
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("bench grad", () => {
  test("differentiates numbers, arrays and records of them, and gives null for the rest", async () => {
    const { code, lines } = await bench("grad", file, "--args", '[2, {"a": 3, "b": [1, 2]}, "sin", true]', "--device", "interpreter");
    expect(code).toBe(0);
    expect(lines).toHaveLength(1);
    const { value, grad, device, derivatives } = resultSchema.parse(lines[0]);
    expect(value).toBeCloseTo(6 + 2 * (Math.sin(1) + Math.sin(2)), 12);
    expect(device).toBe("interpreter");
    expect(derivatives).toBeUndefined();
    const [x, p, mode, on] = grad as [number, { a: number; b: number[] }, null, null];
    expect(x).toBeCloseTo(3 + Math.sin(1) + Math.sin(2), 12);
    expect(p.a).toBeCloseTo(2, 12);
    expect(p.b[0]).toBeCloseTo(2 * Math.cos(1), 12);
    expect(p.b[1]).toBeCloseTo(2 * Math.cos(2), 12);
    expect([mode, on]).toEqual([null, null]);
  });

  test("--wrt chooses the arguments, and the others have null", async () => {
    const { lines } = await bench("grad", file, "--args", '[2, {"a": 3, "b": []}, "sin", true]', "--wrt", "0", "--device", "interpreter");
    expect(resultSchema.parse(lines[0]).grad).toEqual([3, null, null, null]);
  });

  test("an empty array has an empty gradient", async () => {
    const { lines } = await bench("grad", `${file}#empty`, "--args", "[[], 4]", "--device", "interpreter");
    expect(resultSchema.parse(lines[0])).toMatchObject({ value: 4, grad: [[], 1] });
  });

  test("--order adds the derivatives from the first on", async () => {
    const { code, lines } = await bench("grad", `${file}#cube`, "--args", "[2]", "--order", "4", "--device", "interpreter");
    expect(code).toBe(0);
    expect(resultSchema.parse(lines[0])).toMatchObject({ value: 8, grad: [12], derivatives: [12, 12, 6, 0] });
  });

  test("what the program prints does not reach stdout", async () => {
    const { lines, stderr } = await bench("grad", `${file}#chatty`, "--args", "[2]", "--device", "interpreter");
    expect(lines).toHaveLength(1);
    expect(stderr).toContain("noise");
  });

  test("a number that JSON lacks is named, not turned into null", async () => {
    const { lines } = await bench("grad", `${file}#overflow`, "--args", "[1000]", "--device", "interpreter");
    expect(resultSchema.parse(lines[0])).toMatchObject({ value: "Infinity", grad: ["Infinity"] });
  });

  test.each([
    ["a result that is no number", "vector", "[1]", /./],
    ["a program that throws", "throws", "[1]", /too large/],
    ["an export that is not there", "absent", "[1]", /absent/],
  ])("%s is refused with exit code 2 and a record", async (_, name, args, message) => {
    const { code, lines } = await bench("grad", `${file}#${name}`, "--args", args, "--device", "interpreter");
    expect(code).toBe(2);
    expect(lines).toHaveLength(1);
    const { error } = refusalSchema.parse(lines[0]);
    expect(error.message).toMatch(message);
    expect(error.file).toBe(file);
  });

  test("--timeout ends a program that does not, and changes nothing for one that does", async () => {
    const late = await bench("grad", `${file}#endless`, "--args", "[1]", "--device", "interpreter", "--timeout", "3");
    expect(late.code).toBe(2);
    expect(refusalSchema.parse(late.lines[0]).error.message).toMatch(/within 3 s/);
    const { code, lines } = await bench("grad", `${file}#cube`, "--timeout=30", "--args", "[2]", "--device", "interpreter");
    expect(code).toBe(0);
    expect(resultSchema.parse(lines[0])).toMatchObject({ value: 8, grad: [12] });
    expect((await bench("grad", `${file}#throws`, "--args", "[1]", "--device", "interpreter", "--timeout", "30")).code).toBe(2);
  });

  test("the place of a refusal is that of the user's line", async () => {
    const { lines } = await bench("grad", `${file}#throws`, "--args", "[1]", "--device", "interpreter");
    expect(refusalSchema.parse(lines[0]).error.line).toBe(8);
  });

  test("a syntax error in the file is refused at its line", async () => {
    const bad = join(folder, "bad.ts");
    writeFileSync(bad, "export function f(x: number): number {\n  return x +;\n}\n");
    const { code, lines } = await bench("grad", bad, "--args", "[1]", "--device", "interpreter");
    expect(code).toBe(2);
    expect(refusalSchema.parse(lines[0]).error).toMatchObject({ kind: "syntax", file: bad, line: 2 });
  });

  test("bad JSON is refused at its position", async () => {
    const { code, lines, stderr } = await bench("grad", file, "--args", "[1, oops]");
    expect(code).toBe(2);
    expect(refusalSchema.parse(lines[0]).error).toMatchObject({ kind: "syntax", line: 1, column: 5 });
    expect(stderr).toContain("[1, oops]\n      ^");
  });

  test.each([
    ["no --args", ["grad", "x.ts"]],
    ["args that are no array", ["grad", "x.ts", "--args", "3"]],
    ["a wrt out of range", ["grad", "x.ts", "--args", "[1]", "--wrt", "1"]],
    ["a wrt that is no list", ["grad", "x.ts", "--args", "[1]", "--wrt", "0,"]],
    ["a wrt of a string", ["grad", "x.ts", "--args", '["a"]', "--wrt", "0"]],
    ["an unknown engine", ["grad", "x.ts", "--args", "[1]", "--engine", "abacus"]],
    ["an unknown device", ["grad", "x.ts", "--args", "[1]", "--device", "abacus"]],
    ["an absent file", ["grad", "/absent/x.ts", "--args", "[1]", "--device", "interpreter"]],
    ["f32, which numbers are not", ["grad", "x.ts", "--args", "[1]", "--dtype", "f32"]],
  ])("%s is a mistake of the call: exit code 2 and one JSON line", async (_, words) => {
    const { code, lines } = await bench(...words);
    expect(code).toBe(2);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toHaveProperty("error.message");
  });
});

describe("bench grad under watch", () => {
  const broken = () => `import { add, cond, gt, log, lt, mul, sub, whileLoop } from "${relative(folder, join(projectRoot, "core/ops.ts"))}";
export function f(x: number): number {
  const [, , sum] = whileLoop(
    ([i]) => lt(i, 4),
    ([i, v, s]) => [
      add(i, 1),
      mul(v, 0.5),
      cond(gt(i, 1), () => add(s, log(sub(v, 0.5))), () => s),
    ],
    [0, x, 0],
  );
  return sum;
}
export function root(x: number): number { return Math.sqrt(x) * 3; }
`;
  test("names the node and the line where a logarithm in a branch in a loop breaks, and prints what is watched", async () => {
    const place = join(folder, "broken.ts");
    writeFileSync(place, broken());
    const words = ["grad", place, "--args", "[1]", "--engine", "graph", "--device", "interpreter"];
    const plain = await bench(...words);
    expect(plain.lines[0]).toMatchObject({ value: "NaN" });
    const { code, lines, stderr } = await bench(...words, "--check-numerics", "--watch", "while_*/body/**/sub_*");
    expect(code).toBe(2);
    const { error } = refusalSchema.parse(lines[0]);
    expect(error.message).toMatch(/^log gives NaN\n {2}node: while_\d+\/body\/if_\d+\/then\/log_\d+, turn 2 of while_\d+\n/);
    expect(error).toMatchObject({ kind: "runtime", file: place, line: 8, column: (broken().split("\n")[7]?.indexOf("log") as number) + 1 });
    expect(stderr).toMatch(/while_\d+\/body\/if_\d+\/then\/sub_\d+, turn 2 of while_\d+: number = -0\.25/);
  });

  test("names the line whose derivative is infinite, and gives what it gives where all is sound", async () => {
    const place = join(folder, "broken.ts");
    const words = (x: string) => ["grad", `${place}#root`, "--args", x, "--engine", "graph", "--device", "interpreter", "--check-numerics"];
    const { lines } = await bench(...words("[0]"));
    expect(refusalSchema.parse(lines[0]).error).toMatchObject({
      line: 14,
      message: expect.stringMatching(/a part of the derivative of: sqrt_\d+/),
    });
    expect((await bench(...words("[4]"))).lines[0]).toMatchObject({ value: 6, grad: [0.75] });
  });

  test("is refused of an engine without nodes", async () => {
    const { code, lines } = await bench("grad", `${file}#cube`, "--args", "[2]", "--check-numerics");
    expect(code).toBe(2);
    expect(JSON.stringify(lines[0])).toContain("--engine graph");
  });
});
