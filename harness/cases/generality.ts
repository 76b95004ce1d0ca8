/**
 * Checks a generality case: a module of plain TypeScript through `valueAndGrad` (and `derivatives`), or its refusal. The error is
 * |got - want| / (abs/rel + |want|), which is at most `rel` exactly where |got - want| <= abs + rel·|want|.
 */
import { basename, join } from "node:path";
import type { Tree } from "../../engines/engine.ts";
import { loadProgram } from "../../loader/load.ts";
import { projectRoot } from "../root.ts";
import { leavesOf } from "../tree.ts";
import { describe, Findings, type Quantity } from "./compare.ts";
import type { GeneralityCase } from "./formats.ts";
import { isRefusal, judge, messageOf, type Site, type Verdict } from "./judge.ts";

export function checkGenerality(c: GeneralityCase, { engine, adapted }: Site): Verdict {
  const wrt = c.wrt ?? c.args.map((_, i) => i);
  const args = (): Tree[] => structuredClone(c.args) as Tree[];
  const run = () => {
    // An adapted form is a file of the project: it imports by its place.
    const file = adapted === undefined ? `${c.name}.ts` : join(projectRoot, "harness/cases/adapted/generality", `${basename(c.name)}.ts`);
    const prepared = engine.prepare(loadProgram({ file, source: adapted ?? c.source }), args(), wrt);
    const { value, grad } = prepared.valueAndGrad(args());
    return { prepared, value, grad };
  };
  if (c.status === "must-reject") return demandRefusal(c, run);
  const attempt = () => {
    const { prepared, value, grad } = run();
    const findings = new Findings();
    compareTrees(findings, "value", "value", value, c.value, c);
    if (c.grad) compareTrees(findings, "vjp", "gradient", grad, c.grad, c);
    if (c.derivatives) {
      const all = prepared.derivatives(c.args[0] as number, c.derivatives.length).slice(1);
      compareTrees(findings, "derivatives", "derivatives", all, c.derivatives, c);
    }
    return findings.verdict();
  };
  return c.status === "pass-or-reject" ? allowRefusal(attempt) : judge(attempt);
}

/** Leaf by leaf; the structures must be the same, nulls included. */
function compareTrees(
  findings: Findings,
  quantity: Quantity,
  what: string,
  got: unknown,
  want: unknown,
  { tolerance: { rel, abs } }: GeneralityCase,
): void {
  const left = leavesOf(got);
  const right = leavesOf(want);
  right.forEach(({ path, value }, i) => {
    const mine = left[i];
    const place = path === "" ? what : `${what} at ${path}`;
    if (mine?.path !== path) findings.fail(`${place}: the result is not shaped like the reference`);
    else if (typeof value === "number" && typeof mine.value === "number") {
      const error = Math.abs(mine.value - value) / (abs / rel + Math.abs(value));
      findings.note(quantity, place, mine.value === value ? 0 : error, rel);
    } else if (mine.value !== value) findings.fail(`${place} is ${describe(mine.value)}, not ${describe(value)}`);
  });
  if (left.length > right.length) findings.fail(`${what}: the result holds ${left[right.length]?.path}, which the reference does not`);
}

/** Right numbers, or a refusal that names a place. */
function allowRefusal(attempt: () => Verdict): Verdict {
  const verdict = judge(attempt);
  if (verdict.status !== "refused") return verdict;
  if (verdict.line === undefined) return { ...verdict, status: "fail", message: `refused without a place: ${verdict.message}` };
  return { ...verdict, status: "pass", message: `refused, as it may be: ${verdict.message}` };
}

function demandRefusal(c: GeneralityCase, run: () => { readonly value: unknown }): Verdict {
  const wrong = (message: string): Verdict => ({ status: "fail", worst: null, checks: {}, message });
  try {
    return wrong(`should be refused, but gave ${describe(run().value)}`);
  } catch (error) {
    const message = messageOf(error);
    if (!isRefusal(error)) return wrong(`should be refused, but failed: ${message}`);
    const { line } = error.span ?? {};
    if (c.error && line !== c.error.line) return wrong(`refused at line ${line ?? "none"} instead of ${c.error.line}: ${message}`);
    const words = c.error?.mentionsOneOf ?? [];
    if (words.length > 0 && !words.some((w) => message.toLowerCase().includes(w.toLowerCase())))
      return wrong(`the refusal mentions none of ${words.join(", ")}: ${message}`);
    return {
      status: "pass",
      worst: null,
      checks: {},
      message: `refused, as it must be: ${message}`,
      ...(line === undefined ? {} : { line }),
    };
  }
}
