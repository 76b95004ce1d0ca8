/**
 * Imports and exports of one file: collects what it asks of other modules and what it offers, and turns it into the body of a
 * function, whose first statement hands out accessors to the exports and takes the imports.
 */
import type { Node } from "oxc-parser";
import { unsupported } from "../core/base/errors.ts";
import type { Span } from "../core/base/span.ts";
import type { Rewriting } from "./rewriting.ts";
import { patternNames } from "./scope.ts";

export interface ImportedName {
  /** Name in the other module; `*` is the module itself. */
  readonly name: string;
  readonly span: Span;
}

export interface Request {
  readonly specifier: string;
  readonly span: Span;
  readonly names: readonly ImportedName[];
  /** Names passed on to the importers of this file: exported name by name in the other module, or all of them. */
  readonly passedOn: ReadonlyMap<string, string> | "*";
}

export interface Links {
  readonly requests: readonly Request[];
  /** Exported names that are assigned after their declaration. */
  readonly mutable: ReadonlySet<string>;
  /** First statements of the function's body. */
  readonly prelude: string;
}

export function link(r: Rewriting): Links {
  const { syntax, edits, names } = r;
  const requests: Request[] = [];
  const takes: string[] = [];
  const offers = new Map<string, string>();
  const nothing: ReadonlyMap<string, string> = new Map();
  const imports = r.use("imports");

  for (const node of syntax.program.body as Node[]) {
    switch (node.type) {
      case "ImportDeclaration": {
        edits.replace(node.start, node.end, ";");
        const used = node.specifiers.filter(
          (s) => (names.top.get(s.local.name)?.references ?? 0) > 0 && names.top.get(s.local.name)?.id === s.local,
        );
        if (node.importKind === "type" || (node.specifiers.length > 0 && used.length === 0)) break;
        const taken = used.map((s) => ({ local: s.local.name, name: importedName(s), span: syntax.spanAt(s.start) }));
        for (const t of taken)
          takes.push(
            t.name === "*"
              ? `${t.local} = ${imports}[${requests.length}]`
              : `${t.local} = ${imports}[${requests.length}][${JSON.stringify(t.name)}]`,
          );
        requests.push({ specifier: node.source.value, span: syntax.spanAt(node.source.start), names: taken, passedOn: nothing });
        break;
      }
      case "ExportAllDeclaration":
        edits.replace(node.start, node.end, ";");
        if (node.exportKind === "type") break;
        requests.push({
          specifier: node.source.value,
          span: syntax.spanAt(node.source.start),
          names: [],
          passedOn: node.exported ? new Map([[exportName(node.exported), "*"]]) : "*",
        });
        break;
      case "ExportNamedDeclaration": {
        if (node.declaration) {
          // A declaration of types alone has been erased with its `export`.
          if (
            node.exportKind === "type" ||
            ("declare" in node.declaration && node.declaration.declare) ||
            node.declaration.type.startsWith("TS")
          )
            break;
          edits.erase(node.start, node.declaration.start);
          for (const name of declaredNames(node.declaration)) offers.set(name, name);
          break;
        }
        edits.replace(node.start, node.end, ";");
        if (node.exportKind === "type") break;
        const values = node.specifiers.filter((s) => s.exportKind !== "type");
        if (node.source) {
          const taken = values.map((s) => ({ name: exportName(s.local), span: syntax.spanAt(s.start) }));
          requests.push({
            specifier: node.source.value,
            span: syntax.spanAt(node.source.start),
            names: taken,
            passedOn: new Map(values.map((s) => [exportName(s.exported), exportName(s.local)])),
          });
          break;
        }
        for (const s of values) if (names.top.has(exportName(s.local))) offers.set(exportName(s.exported), exportName(s.local));
        break;
      }
      case "ExportDefaultDeclaration": {
        const { declaration } = node;
        if (
          declaration.type.startsWith("TS") &&
          declaration.type !== "TSAsExpression" &&
          declaration.type !== "TSSatisfiesExpression" &&
          declaration.type !== "TSNonNullExpression"
        )
          break;
        if ((declaration.type === "FunctionDeclaration" || declaration.type === "ClassDeclaration") && declaration.id) {
          edits.erase(node.start, declaration.start);
          offers.set("default", declaration.id.name);
          break;
        }
        const local = `${r.prefix}default`;
        edits.replace(node.start, declaration.start, `const ${local} = `);
        if (!edits.source.slice(node.start, node.end).endsWith(";")) edits.text.appendLeft(node.end, ";");
        offers.set("default", local);
        break;
      }
    }
  }

  const accessors = [...offers].map(([name, local]) => `${JSON.stringify(name)}: () => ${local}`);
  const temporaries = r.hosts.get(syntax.program) ?? [];
  const prelude = [
    '"use strict";',
    temporaries.length > 0 ? `let ${temporaries.join(", ")};` : "",
    takes.length > 0 ? `const ${takes.join(", ")};` : "",
    `${r.use("export")}({ ${accessors.join(", ")} });`,
  ].join("");
  const mutable = new Set([...offers].filter(([, local]) => names.top.get(local)?.isReassigned).map(([name]) => name));
  return { requests, mutable, prelude };
}

function importedName(s: Extract<Node, { type: "ImportDeclaration" }>["specifiers"][number]): string {
  if (s.type === "ImportNamespaceSpecifier") return "*";
  return s.type === "ImportDefaultSpecifier" ? "default" : exportName(s.imported);
}

function exportName(node: Node): string {
  if (node.type === "Identifier") return node.name;
  if (node.type === "Literal" && typeof node.value === "string") return node.value;
  throw unsupported("this export name is not understood");
}

function declaredNames(declaration: Node): string[] {
  if (declaration.type === "VariableDeclaration")
    return declaration.declarations.flatMap((d) => patternNames(d.id)).map((id) => (id.type === "Identifier" ? id.name : ""));
  return "id" in declaration && declaration.id?.type === "Identifier" ? [declaration.id.name] : [];
}
