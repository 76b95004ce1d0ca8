/**
 * Which expressions are provably plain: never a traced value or a tensor, so that their operators may stay as they are.
 *
 * Rule. An expression is plain if it is a literal or a template; the result of a comparison, `!`, `typeof`, `void`, `delete`,
 * `in` or `instanceof`; the result of a bitwise operator; arithmetic, a conditional, a logical or sequence expression of plain
 * ones; a constant of Math; or a variable all of whose writes, anywhere in the file, are plain: `for (let i = 0; ...; i++)`.
 * Parameters, loop and catch variables, destructured names, results of calls and properties are never plain, with one exception:
 * `.length` of an array or string, which counts as `typed`, a weaker grade, where only a declared type says that it is one.
 *
 * Soundness. The grades of variables are the greatest fixed point: all candidates start as plain and are demoted until every
 * write of each is as plain as the variable. By induction over the steps of an execution, a variable of grade `proved` then
 * holds a primitive: every value stored into it came from one of the writes (all of them are in the file, because a variable
 * is visible there alone), whose expression, evaluated in a state where the claim holds, gave a primitive, since the operators
 * of JavaScript map primitives to primitives. A grade `typed` rests on a declared type, which may lie; it is used only under
 * operators that coerce their operand to a number, and there a traced value refuses by itself (Traced[Symbol.toPrimitive]).
 * What such an operator gives is a primitive again, hence proved. Truth, identity, typeof and indices need `proved`.
 */
import type { Node, TSType } from "oxc-parser";
import { annotationOf } from "./declared-types.ts";
import { type Binding, isLogicalAssignment, type Names, type Write } from "./scope.ts";
import { type Syntax, unwrap } from "./syntax.ts";

/** Unknown, plain if declared types are true, plain in any case. */
export type Grade = 0 | 1 | 2;

export interface Plainness {
  of(node: Node): Grade;
}

export function findPlain(syntax: Syntax, names: Names): Plainness {
  const variables = new Map<Binding, Grade>();
  const grades = new Map<Node, Grade>();
  // Which variables a node is written to, and where each variable is read: a demotion touches nothing else.
  const writtenTo = new Map<Node, Binding[]>();
  const reads = new Map<Binding, Node[]>();
  for (const b of names.bindings) {
    variables.set(b, b.kind === "const" || b.kind === "let" || b.kind === "var" ? 2 : 0);
    for (const w of b.writes) if (typeof w === "object" && w !== null) append(writtenTo, w, b);
  }
  for (const [node, b] of names.references) if (b) append(reads, b, node);

  // Children first: the reverse of preorder.
  for (let i = syntax.nodes.length - 1; i >= 0; i--) {
    const node = syntax.nodes[i] as Node;
    grades.set(node, grade(node, grades, names, variables));
  }
  const demoted: Binding[] = [];
  const review = (b: Binding): void => {
    const now = variables.get(b) ?? 0;
    const next = b.writes.reduce<Grade>((g, w) => least(g, gradeOfWrite(w, grades)), now);
    if (next === now) return;
    variables.set(b, next);
    demoted.push(b);
  };
  for (const b of names.bindings) review(b);
  for (let b = demoted.pop(); b !== undefined; b = demoted.pop()) {
    for (const read of reads.get(b) ?? []) {
      for (let n: Node | undefined = read; n !== undefined; n = syntax.parent.get(n)) {
        const next = grade(n, grades, names, variables);
        if (next === grades.get(n)) break;
        grades.set(n, next);
        for (const target of writtenTo.get(n) ?? []) review(target);
      }
    }
  }
  return { of: (node) => grades.get(node) ?? 0 };
}

function append<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

function gradeOfWrite(write: Write, grades: ReadonlyMap<Node, Grade>): Grade {
  if (write === null || write === "step") return 2;
  return write === "unknown" ? 0 : (grades.get(write) ?? 0);
}

function least(a: Grade, b: Grade): Grade {
  return a < b ? a : b;
}

const BOOLEAN_OPERATORS = new Set(["<", "<=", ">", ">=", "==", "!=", "===", "!==", "in", "instanceof"]);
const BITWISE_OPERATORS = new Set(["&", "|", "^", "<<", ">>", ">>>"]);
const MATH_CONSTANTS = new Set(["E", "LN10", "LN2", "LOG10E", "LOG2E", "PI", "SQRT1_2", "SQRT2"]);
const PLAIN_GLOBALS = new Set(["undefined", "NaN", "Infinity"]);

function grade(node: Node, grades: ReadonlyMap<Node, Grade>, names: Names, variables: ReadonlyMap<Binding, Grade>): Grade {
  const of = (n: Node): Grade => grades.get(n) ?? 0;
  switch (node.type) {
    case "Literal":
      return "regex" in node ? 0 : 2;
    case "TemplateLiteral":
      // Text that shows a traced number must meet the operators that refuse to read it back.
      return node.expressions.length === 0 ? 2 : 0;
    case "Identifier": {
      const binding = names.references.get(node);
      if (binding === null) return PLAIN_GLOBALS.has(node.name) ? 2 : 0;
      return binding === undefined ? 0 : (variables.get(binding) ?? 0);
    }
    case "ParenthesizedExpression":
    case "TSAsExpression":
    case "TSSatisfiesExpression":
    case "TSNonNullExpression":
    case "TSTypeAssertion":
      return of(node.expression);
    case "UnaryExpression":
      return node.operator === "-" || node.operator === "+" ? ofCoercion(of(node.argument)) : 2;
    case "BinaryExpression":
      if (BOOLEAN_OPERATORS.has(node.operator) || BITWISE_OPERATORS.has(node.operator)) return 2;
      return ofCoercion(least(of(node.left), of(node.right)));
    case "LogicalExpression":
      return least(of(node.left), of(node.right));
    case "ConditionalExpression":
      return least(of(node.consequent), of(node.alternate));
    case "SequenceExpression":
      return of(node.expressions.at(-1) as Node);
    case "AssignmentExpression":
      if (node.operator === "=") return of(node.right);
      if (BITWISE_OPERATORS.has(node.operator.slice(0, -1))) return 2;
      if (isLogicalAssignment(node.operator)) return least(of(node.left), of(node.right));
      return ofCoercion(least(of(node.left), of(node.right)));
    case "UpdateExpression":
      return ofCoercion(of(node.argument));
    case "MemberExpression":
      if (node.computed || node.property.type !== "Identifier") return 0;
      if (isFreeMath(node.object, names) && MATH_CONSTANTS.has(node.property.name)) return 2;
      return node.property.name === "length" ? gradeOfLength(unwrap(node.object), names) : 0;
    default:
      return 0;
  }
}

/** An operator that stays as it is gives a primitive or throws, be its operands proved plain or only declared so. */
function ofCoercion(operands: Grade): Grade {
  return operands === 0 ? 0 : 2;
}

function isFreeMath(node: Node, names: Names): boolean {
  return node.type === "Identifier" && node.name === "Math" && names.references.get(node) === null;
}

/** `.length` of a literal is proved; of a name, it is as good as the evidence that the name holds an array or a string. */
function gradeOfLength(object: Node, names: Names): Grade {
  if (
    object.type === "ArrayExpression" ||
    object.type === "TemplateLiteral" ||
    (object.type === "Literal" && typeof object.value === "string")
  )
    return 2;
  if (object.type !== "Identifier") return 0;
  const binding = names.references.get(object);
  if (!binding) return 0;
  const [only] = binding.writes;
  if (
    binding.kind === "const" &&
    binding.writes.length === 1 &&
    typeof only === "object" &&
    only !== null &&
    unwrap(only).type === "ArrayExpression"
  )
    return 2;
  return isArrayType(annotationOf(names, object)) ? 1 : 0;
}

function isArrayType(type: TSType | undefined): boolean {
  switch (type?.type) {
    case "TSArrayType":
    case "TSTupleType":
    case "TSStringKeyword":
      return true;
    case "TSTypeOperator":
      return type.operator === "readonly" && (type.typeAnnotation.type === "TSArrayType" || type.typeAnnotation.type === "TSTupleType");
    case "TSTypeReference":
      return type.typeName.type === "Identifier" && (type.typeName.name === "Array" || type.typeName.name === "ReadonlyArray");
    default:
      return false;
  }
}
