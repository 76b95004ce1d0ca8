/**
 * Which declaration each name refers to. One pass opens scopes and declares names (hoisting `var` and functions), one resolves
 * the references; names that no declaration of the file explains are *free*, and `globals.ts` says what they may be.
 */
import type { Node } from "oxc-parser";
import { isFunction, type Syntax } from "./syntax.ts";

export type BindingKind = "const" | "let" | "var" | "function" | "class" | "param" | "import" | "catch" | "declared";

/** A value that is stored in a binding; `null` is `undefined` of a declaration without initialiser, `unknown` cannot be told. */
export type Write = Node | null | "unknown" | "step";

export interface Binding {
  readonly name: string;
  readonly kind: BindingKind;
  /** The identifier that declares it. */
  readonly id: Node;
  /** The declaring construct: declarator, function, class, import declaration, catch clause. */
  readonly declaration: Node;
  readonly writes: Write[];
  references: number;
  /** Assigned after its declaration. */
  isReassigned: boolean;
  /** Where it is first. */
  reassignedAt?: Node;
}

export interface Names {
  /** The binding of every identifier that reads or writes a variable; `null` where the name is free. */
  readonly references: ReadonlyMap<Node, Binding | null>;
  /** Bindings of the module's top level. */
  readonly top: ReadonlyMap<string, Binding>;
  readonly bindings: readonly Binding[];
}

interface Scope {
  readonly outer: Scope | null;
  readonly names: Map<string, Binding>;
  /** Where `var` lands. */
  readonly isFunction: boolean;
}

const OPENS_SCOPE = new Set([
  "ForStatement",
  "ForInStatement",
  "ForOfStatement",
  "CatchClause",
  "SwitchStatement",
  "BlockStatement",
  "StaticBlock",
  "ClassDeclaration",
  "ClassExpression",
]);

export function resolveNames(syntax: Syntax): Names {
  const scopes = new Map<Node, Scope>();
  const top: Scope = { outer: null, names: new Map(), isFunction: true };
  const bindings: Binding[] = [];
  const declaring = new Set<Node>();

  const declare = (scope: Scope, id: Node, kind: BindingKind, declaration: Node, writes: Write[]): void => {
    if (id.type !== "Identifier") return;
    declaring.add(id);
    const known = scope.names.get(id.name);
    if (known && kind !== "param" && known.kind !== "declared") {
      known.writes.push(...writes);
      return;
    }
    const binding: Binding = { name: id.name, kind, id, declaration, writes: [...writes], references: 0, isReassigned: false };
    scope.names.set(id.name, binding);
    bindings.push(binding);
  };

  // Scopes and declarations.
  for (const node of syntax.nodes) {
    const above = syntax.parent.get(node);
    const outer = above === undefined ? top : (scopes.get(above) as Scope);
    let scope = outer;
    if (isFunction(node) || node.type === "StaticBlock") scope = { outer, names: new Map(), isFunction: true };
    else if (OPENS_SCOPE.has(node.type) && !(node.type === "BlockStatement" && above && isFunction(above)))
      scope = { outer, names: new Map(), isFunction: false };
    scopes.set(node, scope);

    switch (node.type) {
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ArrowFunctionExpression":
        if ("declare" in node && node.declare && node.id) declare(outer, node.id, "declared", node, ["unknown"]);
        else if (node.id) declare(node.type === "FunctionDeclaration" ? outer : scope, node.id, "function", node, ["unknown"]);
        for (const param of node.params) for (const id of patternNames(param)) declare(scope, id, "param", node, ["unknown"]);
        break;
      case "TSDeclareFunction":
        if (node.id) declare(outer, node.id, "declared", node, ["unknown"]);
        break;
      case "ClassDeclaration":
        if (node.id) declare(outer, node.id, node.declare ? "declared" : "class", node, ["unknown"]);
        break;
      case "ClassExpression":
        if (node.id) declare(scope, node.id, "class", node, ["unknown"]);
        break;
      case "VariableDeclaration": {
        const isLoopVariable =
          above !== undefined && (above.type === "ForInStatement" || above.type === "ForOfStatement") && syntax.field.get(node) === "left";
        const kind = node.declare ? "declared" : node.kind === "var" ? "var" : node.kind === "let" ? "let" : "const";
        for (const declarator of node.declarations) {
          const target = kind === "var" ? functionScope(scope) : scope;
          const simple = declarator.id.type === "Identifier" && !isLoopVariable;
          // A `var` is undefined before its initialiser; a bare `var x` or `let x` writes undefined.
          const writes: Write[] = simple ? [declarator.init] : ["unknown"];
          for (const id of patternNames(declarator.id)) declare(target, id, kind, declarator, writes);
        }
        break;
      }
      case "CatchClause":
        if (node.param) for (const id of patternNames(node.param)) declare(scope, id, "catch", node, ["unknown"]);
        break;
      case "ImportDeclaration":
        if (node.importKind === "type") break;
        for (const s of node.specifiers)
          if (!(s.type === "ImportSpecifier" && s.importKind === "type")) declare(top, s.local, "import", node, ["unknown"]);
        break;
    }
  }

  // References.
  const references = new Map<Node, Binding | null>();
  for (const node of syntax.nodes) {
    if (node.type !== "Identifier" || declaring.has(node) || !isReference(syntax, node)) continue;
    let binding: Binding | null = null;
    for (let s: Scope | null = scopes.get(node) ?? top; s !== null && binding === null; s = s.outer)
      binding = s.names.get(node.name) ?? null;
    references.set(node, binding);
    if (binding) {
      binding.references++;
      recordWrite(syntax, node, binding);
    }
  }
  return { references, top: top.names, bindings };
}

function functionScope(scope: Scope): Scope {
  let s = scope;
  while (!s.isFunction && s.outer) s = s.outer;
  return s;
}

/** The identifiers that a binding pattern declares. */
export function patternNames(pattern: Node): Node[] {
  const names: Node[] = [];
  const work: (Node | null)[] = [pattern];
  for (let p = work.pop(); p !== undefined; p = work.pop()) {
    if (p === null) continue;
    switch (p.type) {
      case "Identifier":
        names.push(p);
        break;
      case "TSParameterProperty":
        work.push(p.parameter);
        break;
      case "AssignmentPattern":
        work.push(p.left);
        break;
      case "RestElement":
        work.push(p.argument);
        break;
      case "ArrayPattern":
        work.push(...p.elements);
        break;
      case "ObjectPattern":
        for (const q of p.properties) work.push(q.type === "Property" ? q.value : q);
        break;
    }
  }
  return names;
}

/** Whether an identifier that declares nothing names a variable, and not a property, a label or part of an import or export. */
function isReference(syntax: Syntax, node: Node): boolean {
  const parent = syntax.parent.get(node) as Node;
  const field = syntax.field.get(node);
  switch (parent.type) {
    case "MemberExpression":
      return field === "object" || parent.computed;
    case "Property":
    case "MethodDefinition":
    case "PropertyDefinition":
    case "AccessorProperty":
      return field === "value" || parent.computed;
    case "LabeledStatement":
    case "BreakStatement":
    case "ContinueStatement":
      return field !== "label";
    case "MetaProperty":
    case "ImportSpecifier":
    case "ImportDefaultSpecifier":
    case "ImportNamespaceSpecifier":
    case "ImportAttribute":
    case "ExportAllDeclaration":
      return false;
    case "ExportSpecifier": {
      const statement = syntax.parent.get(parent) as Node;
      return (
        field === "local" &&
        statement.type === "ExportNamedDeclaration" &&
        statement.source === null &&
        statement.exportKind !== "type" &&
        parent.exportKind !== "type"
      );
    }
    default:
      return true;
  }
}

/** Notes the write if `node` is the target of an assignment, an update, a loop head or a destructuring assignment. */
function recordWrite(syntax: Syntax, node: Node, binding: Binding): void {
  let child = node;
  let parent = syntax.parent.get(child) as Node;
  while (parent.type === "ParenthesizedExpression" || (parent.type.startsWith("TS") && parent.type !== "TSParameterProperty")) {
    child = parent;
    parent = syntax.parent.get(child) as Node;
  }
  const field = syntax.field.get(child);
  let write: Write | undefined;
  if (parent.type === "AssignmentExpression" && field === "left")
    write = parent.operator === "=" || isLogicalAssignment(parent.operator) ? parent.right : parent;
  else if (parent.type === "UpdateExpression") write = "step";
  else if ((parent.type === "ForInStatement" || parent.type === "ForOfStatement") && field === "left") write = "unknown";
  else if (parent.type === "ArrayPattern" || parent.type === "RestElement") write = "unknown";
  else if (parent.type === "AssignmentPattern" && field === "left") write = "unknown";
  else if (parent.type === "Property" && field === "value" && syntax.parent.get(parent)?.type === "ObjectPattern") write = "unknown";
  if (write === undefined) return;
  binding.writes.push(write);
  binding.isReassigned = true;
  binding.reassignedAt ??= node;
}

export function isLogicalAssignment(operator: string): boolean {
  return operator === "||=" || operator === "&&=" || operator === "??=";
}
