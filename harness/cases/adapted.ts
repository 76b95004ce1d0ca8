/**
 * The forms below `adapted/`: reference programs that decide by values, written with `cond` and `whileLoop` for engines that build
 * graphs. Such an engine refuses the program as it stands; whether the adapted form gives the reference values is checked beside that,
 * and what the adaption costs is counted in lines.
 */
import type { Engine } from "../../engines/engine.ts";
import { judge, type Site, type Verdict } from "./judge.ts";
import { textBelow } from "./programs.ts";
import type { ReferenceCase } from "./read.ts";

/** The source as it stands and in its adapted form; undefined where there is none. */
function sourcesOf(reference: ReferenceCase): { readonly plain: string; readonly adapted: string } | undefined {
  let names: readonly [folder: string, name: string];
  let plain: string | null;
  if (reference.kind === "generality") {
    const [group, name] = reference.name.split("/").slice(-2) as [string, string];
    names = [group, name];
    plain = reference.case.source;
  } else if (reference.kind === "function" && reference.case.kind === "program") {
    names = ["programs", reference.case.op];
    plain = textBelow("programs", reference.case.op);
  } else return undefined;
  const adapted = textBelow(`adapted/${names[0]}`, names[1]);
  return adapted === null || plain === null ? undefined : { plain, adapted };
}

/** The verdict on a case, and where the engine refuses to decide by values, on its adapted form as well: `check` is given its source. */
export function judgeAdapted(reference: ReferenceCase, site: Site, check: (site: Site) => Verdict): Verdict {
  const verdict = judge(() => check(site));
  const sources = verdict.status === "refused" && buildsGraphs(site.engine) ? sourcesOf(reference) : undefined;
  if (sources === undefined) return verdict;
  const { plain, adapted } = sources;
  const second = judge(() => check({ ...site, adapted }));
  const more = linesOf(adapted) - linesOf(plain);
  const form = `the form adapted to graphs (${Math.abs(more)} ${more < 0 ? "fewer" : "more"} lines)`;
  if (second.status === "pass") return { ...verdict, message: `${verdict.message}; ${form} passes` };
  return { ...second, status: second.status === "refused" ? "fail" : second.status, message: `${form}: ${second.message}` };
}

function buildsGraphs({ features }: Engine): boolean {
  return !features.has("data-dependent-control-flow");
}

/** Lines of code, without imports, comments and what is blank. */
function linesOf(source: string): number {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
  return code.split("\n").filter((l) => l.trim() !== "" && !l.startsWith("import ")).length;
}
