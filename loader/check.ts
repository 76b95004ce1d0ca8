/**
 * What is refused before a program runs, each at its line and column: names that nothing declares, names that read the outside
 * world, async code, constructs with no meaning after types are erased, functions that may fall off their end. A program that
 * passes may still be refused while running (a traced index, say), never silently differentiated wrongly.
 */
import type { Node } from "oxc-parser";
import { BenchError } from "../core/base/errors.ts";
import { globalMeaning, INTRINSICS } from "./globals.ts";
import { missingReturns } from "./returns.ts";
import type { Names } from "./scope.ts";
import { isFunction, methodOf, type Refusal, type Syntax } from "./syntax.ts";

/** Throws the refusal that comes first in the text, if there is any. */
export function check(syntax: Syntax, names: Names): void {
  const refusals = [
    ...refusedConstructs(syntax),
    ...refusedNames(syntax, names),
    ...assignedConstants(names),
    ...missingReturns(syntax, names),
  ];
  const first = refusals.reduce<Refusal | undefined>((a, b) => (a === undefined || b.at.start < a.at.start ? b : a), undefined);
  if (first) throw new BenchError(first.kind, first.message, { advice: first.advice, span: syntax.spanAt(first.at.start) });
}

const ASYNC_ADVICE = "async code cannot be differentiated; compute the value before and pass it as an argument";

function* refusedConstructs(syntax: Syntax): Generator<Refusal> {
  const no = (at: Node, message: string, advice: string): Refusal => ({ at, kind: "unsupported", message, advice });
  for (const node of syntax.nodes) {
    if ("decorators" in node && node.decorators && node.decorators.length > 0)
      yield no(node, "decorators are outside the language that is loaded", "call the decorating function yourself");
    if ("declare" in node && node.declare) continue;
    switch (node.type) {
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ArrowFunctionExpression":
        if (node.async) yield no(methodOf(syntax, node), "async functions are outside the differentiable language", ASYNC_ADVICE);
        break;
      case "AwaitExpression":
        yield no(node, "await needs an async function, which is outside the differentiable language", ASYNC_ADVICE);
        break;
      case "ForOfStatement":
        if (node.await) yield no(node, "for await is async code, which is outside the differentiable language", ASYNC_ADVICE);
        break;
      case "ImportExpression":
        yield no(node, "import() loads a module while the program runs (async)", "use an import declaration at the top of the file");
        break;
      case "WithStatement":
        yield no(node, "with makes names depend on values", "name the object's properties");
        break;
      case "VariableDeclaration":
        if (node.kind === "using" || node.kind === "await using")
          yield no(node, `${node.kind} declarations are outside the language that is loaded`, "use const and free the value yourself");
        break;
      case "AccessorProperty":
        yield no(node, "accessor fields are outside the language that is loaded", "write a field, or a getter and a setter");
        break;
      case "TSEnumDeclaration":
        yield no(node, "enum makes code out of types", "use a union of string literals, or a const object");
        break;
      case "TSModuleDeclaration":
        yield no(node, "namespace makes code out of types", "use a module: one file, with exports");
        break;
      case "TSExportAssignment":
        yield no(node, "export = belongs to CommonJS", "use export or export default");
        break;
      case "TSImportEqualsDeclaration":
        if (node.importKind !== "type") yield no(node, "import = belongs to CommonJS", "use an import declaration");
        break;
      case "MetaProperty":
        if (node.meta.name === "import" && !isImportMetaUrl(syntax, node))
          yield no(node, "of import.meta only import.meta.url is there", "write import.meta.url");
        break;
      case "NewExpression":
        if (node.callee.type === "Identifier" && node.callee.name === "Number")
          yield no(node, "new Number makes an object that is not a number", "leave out new");
        break;
    }
  }
}

function isImportMetaUrl(syntax: Syntax, meta: Node): boolean {
  const parent = syntax.parent.get(meta);
  return parent?.type === "MemberExpression" && !parent.computed && parent.property.type === "Identifier" && parent.property.name === "url";
}

function* refusedNames(syntax: Syntax, names: Names): Generator<Refusal> {
  for (const [node, binding] of names.references) {
    if (node.type !== "Identifier") continue;
    const { name } = node;
    if (binding?.kind === "declared" && !(INTRINSICS as readonly string[]).includes(name)) {
      const advice = `the names that may be declared are ${INTRINSICS.join(", ")}`;
      yield { at: node, kind: "unsupported", message: `${name} is declared but nothing supplies it`, advice };
    }
    if (binding) continue;
    const meaning = globalMeaning(name);
    if (name === "arguments" && isInsideFunction(syntax, node)) continue;
    if (meaning.kind === "unknown") {
      yield { at: node, kind: "type", message: `${name} is not defined`, advice: "declare it, import it, or pass it as an argument" };
    } else if (meaning.kind === "impure") {
      const advice = "pass what it gives as an argument, so that the function depends on its arguments alone";
      yield {
        at: node,
        kind: "unsupported",
        message: `${name} ${meaning.why}, so a function that uses it cannot be differentiated`,
        advice,
      };
    } else if (isTarget(syntax, node)) {
      yield { at: node, kind: "type", message: `${name} belongs to the language and cannot be assigned`, advice: "use another name" };
    }
    if (name === "Math") yield* randomUse(syntax, node);
  }
}

/** TypeScript refuses them, and JavaScript ends with an error where they are run. */
function* assignedConstants(names: Names): Generator<Refusal> {
  for (const { kind, name, reassignedAt: at } of names.bindings) {
    if (at === undefined || (kind !== "const" && kind !== "import")) continue;
    const what = kind === "const" ? "a constant" : "imported";
    yield { at, kind: "type", message: `${name} is ${what} and cannot be assigned`, advice: "declare a variable with let" };
  }
}

const RANDOM: Pick<Refusal, "kind" | "message" | "advice"> = {
  kind: "unsupported",
  message: "Math.random gives another number at each call, so a function that uses it cannot be differentiated",
  advice: "pass the random numbers as an argument",
};

/** `Math.random`, `Math["random"]`, `const { random } = Math`. */
function* randomUse(syntax: Syntax, math: Node): Generator<Refusal> {
  const parent = syntax.parent.get(math);
  if (parent?.type === "MemberExpression") {
    const key = parent.property;
    if ((key.type === "Identifier" && !parent.computed && key.name === "random") || (key.type === "Literal" && key.value === "random"))
      yield { at: parent, ...RANDOM };
  }
  const pattern = parent?.type === "VariableDeclarator" ? parent.id : parent?.type === "AssignmentExpression" ? parent.left : undefined;
  if (pattern?.type !== "ObjectPattern") return;
  for (const p of pattern.properties)
    if (p.type === "Property" && p.key.type === "Identifier" && p.key.name === "random") yield { at: p, ...RANDOM };
}

function isTarget(syntax: Syntax, node: Node): boolean {
  const parent = syntax.parent.get(node);
  return (parent?.type === "AssignmentExpression" && parent.left === node) || parent?.type === "UpdateExpression";
}

/** Inside a function that has its own `arguments`. */
function isInsideFunction(syntax: Syntax, node: Node): boolean {
  for (let n = syntax.parent.get(node); n !== undefined; n = syntax.parent.get(n))
    if (isFunction(n) && n.type !== "ArrowFunctionExpression") return true;
  return false;
}
