/**
 * The little that the loader reads of declared types: whether a return type admits `undefined`, and whether the cases of a
 * `switch` cover a union of literals, so that no `default` is needed. Aliases are followed within the file; a type that cannot
 * be seen through is taken to be a value type, and to be no union.
 */
import type { Node, TSType } from "oxc-parser";
import type { Names } from "./scope.ts";
import { isFunction, type Syntax, unwrap } from "./syntax.ts";

/** A function of this return type may fall off its end. */
export function mayBeUndefined(syntax: Syntax, type: TSType): boolean {
  return members(syntax, type).some(
    (t) =>
      t.type === "TSVoidKeyword" ||
      t.type === "TSUndefinedKeyword" ||
      t.type === "TSAnyKeyword" ||
      t.type === "TSUnknownKeyword" ||
      t.type === "TSNeverKeyword" ||
      (t.type === "TSTypePredicate" && t.asserts),
  );
}

/** The members of a union, through aliases and parentheses. */
function members(syntax: Syntax, type: TSType): TSType[] {
  const out: TSType[] = [];
  const seen = new Set<TSType>();
  const work = [type];
  for (let t = work.pop(); t !== undefined; t = work.pop()) {
    if (seen.has(t)) continue;
    seen.add(t);
    if (t.type === "TSUnionType") work.push(...t.types);
    else if (t.type === "TSParenthesizedType") work.push(t.typeAnnotation);
    else if (t.type === "TSTypeReference" && t.typeName.type === "Identifier" && !t.typeArguments) {
      const alias = declaredType(syntax, t.typeName.name);
      if (alias?.type === "TSTypeAliasDeclaration") work.push(alias.typeAnnotation);
      else out.push(t);
    } else out.push(t);
  }
  return out;
}

type TypeDeclaration = Extract<Node, { type: "TSTypeAliasDeclaration" | "TSInterfaceDeclaration" }>;

/** The alias or interface of this name, at any level of the file. */
function declaredType(syntax: Syntax, name: string): TypeDeclaration | undefined {
  for (const node of syntax.nodes)
    if ((node.type === "TSTypeAliasDeclaration" || node.type === "TSInterfaceDeclaration") && node.id.name === name) return node;
  return undefined;
}

/** Whether the cases name every member of the discriminant's declared union of literals (`switch (shape.kind)` included). */
export function isExhaustive(syntax: Syntax, names: Names, statement: Extract<Node, { type: "SwitchStatement" }>): boolean {
  const subject = unwrap(statement.discriminant);
  const values =
    subject.type === "Identifier"
      ? literals(syntax, annotationOf(names, subject))
      : subject.type === "MemberExpression"
        ? propertyLiterals(syntax, names, subject)
        : undefined;
  if (values === undefined) return false;
  const cases = new Set(statement.cases.map((c) => (c.test?.type === "Literal" ? c.test.value : undefined)));
  return values.every((v) => cases.has(v));
}

type LiteralValue = string | number | boolean | bigint | RegExp | null;

/** The type that a parameter or variable is declared with. */
export function annotationOf(names: Names, reference: Node): TSType | undefined {
  const binding = names.references.get(reference);
  const id = binding?.id;
  if (!binding || id?.type !== "Identifier" || isFunction(id)) return undefined;
  return id.typeAnnotation?.typeAnnotation;
}

function literals(syntax: Syntax, type: TSType | undefined): LiteralValue[] | undefined {
  if (type === undefined) return undefined;
  const values: LiteralValue[] = [];
  for (const t of members(syntax, type)) {
    if (t.type === "TSBooleanKeyword") values.push(true, false);
    else if (t.type === "TSNullKeyword") values.push(null);
    else if (t.type === "TSLiteralType" && t.literal.type === "Literal") values.push(t.literal.value);
    else return undefined;
  }
  return values;
}

function propertyLiterals(syntax: Syntax, names: Names, member: Extract<Node, { type: "MemberExpression" }>): LiteralValue[] | undefined {
  if (member.computed || member.property.type !== "Identifier" || member.object.type !== "Identifier") return undefined;
  const { name } = member.property;
  const type = annotationOf(names, member.object);
  if (type === undefined) return undefined;
  const values: LiteralValue[] = [];
  for (const t of members(syntax, type)) {
    const alias = t.type === "TSTypeReference" && t.typeName.type === "Identifier" ? declaredType(syntax, t.typeName.name) : undefined;
    const fields = t.type === "TSTypeLiteral" ? t.members : alias?.type === "TSInterfaceDeclaration" ? alias.body.body : undefined;
    const field = fields?.find((f) => f.type === "TSPropertySignature" && f.key.type === "Identifier" && f.key.name === name);
    const own = field?.type === "TSPropertySignature" ? literals(syntax, field.typeAnnotation?.typeAnnotation) : undefined;
    if (own === undefined) return undefined;
    values.push(...own);
  }
  return values;
}
