// biome-ignore-all lint/suspicious/noTemplateCurlyInString: programs in strings
/** Text carries no derivative: what a traced number was shown as may not become a number again. */
import { expect, test } from "vitest";
import { tape } from "../../engines/tape/engine.ts";
import { loadProgram } from "../../loader/load.ts";

const gradient = (body: string, x = 2) =>
  tape.prepare(loadProgram({ file: "text.ts", source: `export function f(x: number): number { ${body} }` }), [x], [0]).valueAndGrad([x])
    .grad[0];

test.each([
  "return Number(`${x}`) * 2;",
  "return parseFloat(String(x));",
  "const s = x + ''; return +s + 1;",
  "return (`${x}` as unknown as number) * 3;",
  "return Number.parseFloat(x.toString());",
])("%s is refused at its line", (body) => {
  expect(() => gradient(body)).toThrow("is read back as a number");
  try {
    gradient(body);
  } catch (error) {
    expect(error).toMatchObject({ kind: "unsupported", span: { line: 1 } });
  }
});

test("showing a number is fine, and so is reading other text, or text of an earlier evaluation", () => {
  expect(gradient("const s = `at ${x}`; return s.length * x;")).toBe(4);
  expect(gradient("const s = `${x}`; return Number('3') * x + s.length;")).toBe(3);
  expect(gradient("return Number('2') * x;")).toBe(2);
});

test("rounding through text has derivative zero, as rounding has", () => {
  expect(gradient("return Number(x.toFixed(1)) + x;", 2.34)).toBe(1);
});
