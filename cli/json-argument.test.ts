import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BenchError } from "../core/base/errors.ts";
import { firstMistake, parseJsonArgument } from "./json-argument.ts";

describe("JSON on the command line", () => {
  test("parses what JSON.parse parses", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parseJsonArgument(text, "--args")).toEqual(JSON.parse(text));
      }),
    );
  });

  test.each([
    ["[1, x]", 4],
    ["[1,]", 3],
    ["[1 2]", 3],
    ['{"a": 1,}', 8],
    ["{'a': 1}", 1],
    ['{"a" 1}', 5],
    ["[1, 2", 5],
    ["[01]", 1],
    ["[1.]", 1],
    ["[]]", 2],
    ["[}", 1],
    ["[1] 2", 4],
    ['["abc]', 1],
    ["", 0],
    ["[NaN]", 1],
    ["  ,", 2],
  ])("the first mistake in %s is at %i", (text, at) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(firstMistake(text)).toBe(at);
  });

  test("finds no mistake in correct JSON, and finds one that is put in", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(firstMistake(text)).toBe(text.length);
        expect(firstMistake(`[${text},${text} ?`)).toBe(2 * text.length + 3);
        expect(firstMistake(`{"k":${text}]`)).toBe(text.length + 5);
      }),
    );
  });

  test("a deep text is scanned without recursion", () => {
    expect(firstMistake(`${"[".repeat(200_000)}x`)).toBe(200_000);
  });

  test("the error shows line, column and a caret", () => {
    try {
      parseJsonArgument('[1,\n  {"a": oops}]', "--args");
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(BenchError);
      expect((error as BenchError).span).toEqual({ file: "--args", line: 2, column: 9 });
      expect((error as BenchError).describe()).toContain('{"a": oops}]\n          ^');
    }
  });
});
