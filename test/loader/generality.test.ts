/** The generality programs through the loader: values with plain numbers, gradients with dual numbers, refusals at their line. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { BenchError } from "../../core/base/errors.ts";
import { loadProgram } from "../../loader/load.ts";
import { dualIntrinsics, gradient } from "./dual.ts";

interface Case {
  readonly name: string;
  readonly status: "required" | "pass-or-reject" | "must-reject";
  readonly source: string;
  readonly args: readonly unknown[];
  readonly wrt: readonly number[];
  readonly value: number;
  readonly grad: readonly unknown[];
  readonly derivatives?: readonly number[];
  readonly tolerance: { readonly abs: number; readonly rel: number };
  readonly error?: { readonly line: number; readonly mentionsOneOf: readonly string[] };
}

const folder = new URL("../data/generality/", import.meta.url);
const cases: Case[] = readdirSync(folder)
  .filter((f) => f.endsWith(".json"))
  .flatMap((f) => JSON.parse(readFileSync(new URL(f, folder), "utf8")) as Case[]);

/** Programs that are refused for what they return: the engine's to say. */
const ENGINE_REFUSES = new Set(["result_is_not_a_number", "inner_grad_of_vector_function"]);

function close(got: unknown, want: unknown, tolerance: Case["tolerance"]): void {
  if (typeof want === "number") {
    expect(Math.abs((got as number) - want)).toBeLessThanOrEqual(tolerance.abs + tolerance.rel * Math.abs(want));
  } else if (Array.isArray(want)) {
    want.forEach((w, i) => {
      close((got as unknown[])[i], w, tolerance);
    });
  } else if (typeof want === "object" && want !== null) {
    for (const [k, w] of Object.entries(want)) close((got as Record<string, unknown>)[k], w, tolerance);
  } else expect(got).toBe(want);
}

describe("programs that run", () => {
  const running = cases.filter((c) => c.status !== "must-reject");
  it("are all there", () => expect(running.length).toBe(92));
  for (const c of running) {
    const run = loadProgram({ file: `/programs/${c.name}.ts`, source: c.source }).overloaded(dualIntrinsics);
    it(`${c.name} has its value on plain numbers`, () => close(run(...structuredClone(c.args)), c.value, c.tolerance));
    it(`${c.name} has its gradient on dual numbers`, () => {
      for (const i of c.wrt) close(gradient(run, structuredClone(c.args), i), c.grad[i], c.tolerance);
    });
    if (c.derivatives) {
      const want = c.derivatives.slice(0, 3);
      it(`${c.name} has its higher derivatives on nested dual numbers`, () => {
        let f: (...args: unknown[]) => unknown = run;
        for (const w of want) {
          const inner = f;
          f = (...args) => gradient(inner, args);
          close(f(...c.args), w, c.tolerance);
        }
      });
    }
  }
});

describe("programs that are refused before they run", () => {
  for (const c of cases.filter((x) => x.status === "must-reject" && !ENGINE_REFUSES.has(x.name))) {
    it(`${c.name} is refused at its line`, () => {
      let error: unknown;
      try {
        loadProgram({ file: "/programs/p.ts", source: c.source });
      } catch (e) {
        error = e;
      }
      expect(error).toBeInstanceOf(BenchError);
      const { span, message } = error as BenchError;
      expect(span?.line).toBe(c.error?.line);
      expect(c.error?.mentionsOneOf.some((m) => message.toLowerCase().includes(m.toLowerCase()))).toBe(true);
    });
  }
});
