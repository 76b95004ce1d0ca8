/** A refusal cannot be caught by the program that is refused: it would go on with a value whose derivative is lost. */
import { expect, test } from "vitest";
import { tape } from "../../engines/tape/engine.ts";
import { loadProgram } from "../../loader/load.ts";

const gradient = (source: string, x = 2) => tape.prepare(loadProgram({ file: "swallow.ts", source }), [x], [0]).valueAndGrad([x]).grad[0];

const program = (handler: string) => `export function f(x: number): number {
  const a = new Float64Array(1);
  try {
    a[0] = x;
  } ${handler}
  return a[0]! * x;
}`;

test.each([
  "catch { a[0] = 1; }",
  "catch (error) { a[0] = 1; }",
  "catch ({ message }: any) { a[0] = message.length; }",
  "finally { return 1; }",
])("%s does not hide a refusal, which keeps its line", (handler) => {
  expect(() => gradient(program(handler))).toThrow("bare number");
  try {
    gradient(program(handler));
  } catch (error) {
    expect(error).toMatchObject({ kind: "unsupported", span: { file: "swallow.ts", line: 4 } });
  }
});

test("a program's own exceptions are its own business", () => {
  expect(
    gradient("export function f(x: number): number { try { if (x > 1) throw new Error('no'); return x; } catch { return x * x; } }"),
  ).toBe(4);
});
