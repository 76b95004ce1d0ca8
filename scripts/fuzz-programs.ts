/**
 * Random programs by the program-transform engine against the tape, JavaScript itself and central differences.
 * `npm run fuzz:programs -- [programs] [seed]`: the seed of the first; one that failed alone is `-- 1 <seed>`. Prints how many agree,
 * how many are refused and for which reasons, and each failure with its seed and the least program that is left of it; ends with 1
 * if there is one. 1000 programs take about a minute on one core.
 */
import { compareProgram, drawProgram, minimised, randomNumbers, sourceOf } from "../test/language/random-program.ts";

const [count = 1000, first = 1] = process.argv.slice(2).map(Number);
const totals = { same: 0, skipped: 0, refused: 0, wrong: 0 };
const reasons = new Map<string, number>();
const start = performance.now();
for (let seed = first; seed < first + count; seed++) {
  const program = drawProgram(randomNumbers(seed));
  const check = (p: typeof program) => compareProgram({ source: sourceOf(p), args: p.args });
  const finding = check(program);
  totals[finding.kind]++;
  if (finding.kind === "refused") reasons.set(finding.reason, (reasons.get(finding.reason) ?? 0) + 1);
  if (finding.kind !== "wrong") continue;
  const least = minimised(program, (p) => check(p).kind === "wrong");
  console.log(`seed ${seed}, f(${least.args.join(", ")}): ${finding.detail}\n${sourceOf(least)}`);
}
const { same, skipped, refused, wrong } = totals;
console.log(
  `${same} agree, ${wrong} wrong, ${refused} refused, ${skipped} not run by the tape; ${((performance.now() - start) / 1000).toFixed(0)} s`,
);
for (const [reason, n] of [...reasons].sort((a, b) => b[1] - a[1])) console.log(`  ${n} refused: ${reason}`);
process.exitCode = wrong > 0 ? 1 : 0;
