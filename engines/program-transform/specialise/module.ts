/** Modules of a program: parsed once, their top level run when a specialisation first needs it. */
import { resolve as resolvePath } from "node:path";
import type { Node as Syntax } from "oxc-parser";
import { unsupported } from "../../../core/base/errors.ts";
import type { Span } from "../../../core/base/span.ts";
import type { ParsedSource, Sources } from "../../engine.ts";
import { type Cell, Scope, type Value } from "./value.ts";

export class ModuleScope {
  readonly parsed: ParsedSource;
  readonly scope: Scope;
  readonly exports = new Map<string, () => Value>();
  /** The place that everything in it is said to be at: of a library, where the program calls it. */
  site: Span | undefined;
  isLibrary = false;

  constructor(parsed: ParsedSource, globals: Scope) {
    this.parsed = parsed;
    this.scope = new Scope(globals);
  }

  spanOf(node: Syntax): Span {
    return this.site ?? this.parsed.spanAt(node.start);
  }
}

/** Loads a module and those that it imports; `run` runs the statements of a top level. */
/** Who runs a program's statements. */
export interface Host {
  readonly globals: Scope;
  topLevel(module: ModuleScope, statements: readonly Syntax[]): void;
  /** The value of an expression at a module's top level. */
  valueIn(module: ModuleScope, expression: Syntax): Value;
  /** What a module exports as one object. */
  namespace(exports: ReadonlyMap<string, () => Value>): Value;
  /** A value of the project's own modules. */
  lift(value: unknown, name: string): Value;
}

export class Modules {
  private readonly sources: Sources;
  private readonly host: Host;
  private readonly loaded = new Map<string, ModuleScope>();
  /** What modules export that have not been read to their end: those that import each other. */
  private readonly unfinished = new Set<ReadonlyMap<string, () => Value>>();

  constructor(sources: Sources, host: Host) {
    this.sources = sources;
    this.host = host;
  }

  load(file: string, source?: string): ModuleScope {
    const path = resolvePath(file);
    const known = this.loaded.get(path);
    if (known !== undefined) return known;
    const module = new ModuleScope(this.sources.parse(file, source), this.host.globals);
    this.loaded.set(path, module);
    this.unfinished.add(module.exports);
    const statements: Syntax[] = [];
    for (const s of module.parsed.body) {
      if (s.type === "ImportDeclaration") this.imported(module, s);
      else if (s.type === "ExportNamedDeclaration" && s.source === null) {
        if (s.declaration) statements.push(s.declaration);
        for (const sp of s.specifiers) if (sp.exportKind !== "type") this.offer(module, nameOf(sp.exported), nameOf(sp.local));
        for (const name of declared(s.declaration)) this.offer(module, name, name);
      } else if (s.type === "ExportNamedDeclaration") {
        const from = this.exportsOf(module, s.source?.value as string, s);
        for (const sp of s.specifiers)
          if (s.exportKind !== "type" && sp.exportKind !== "type")
            module.exports.set(nameOf(sp.exported), this.exported(from, nameOf(sp.local), s.source?.value as string, module.spanOf(sp)));
      } else if (s.type === "ExportAllDeclaration") {
        if (s.exportKind !== "type")
          for (const [name, get] of this.exportsOf(module, s.source.value, s)) if (name !== "default") module.exports.set(name, get);
      } else if (s.type === "ExportDefaultDeclaration") {
        const { declaration } = s;
        if ((declaration.type === "FunctionDeclaration" || declaration.type === "ClassDeclaration") && declaration.id) {
          statements.push(declaration);
          this.offer(module, "default", declaration.id.name);
        } else module.exports.set("default", () => this.host.valueIn(module, declaration));
      } else statements.push(s);
    }
    this.unfinished.delete(module.exports);
    this.host.topLevel(module, statements);
    return module;
  }

  /** What a module exports under a name; read later, where it is not read to its end yet. */
  private exported(from: ReadonlyMap<string, () => Value>, name: string, specifier: string, at: Span): () => Value {
    const refuse = () => unsupported(`${specifier} has no export named ${name}`, `it exports ${[...from.keys()].join(", ")}`, at);
    if (!from.has(name) && !this.unfinished.has(from)) throw refuse();
    return () => {
      const get = from.get(name);
      if (get === undefined) throw refuse();
      return get();
    };
  }

  private offer(module: ModuleScope, name: string, local: string): void {
    module.exports.set(name, () => module.scope.find(local)?.value as Value);
  }

  private exportsOf(module: ModuleScope, specifier: string, at: Syntax): ReadonlyMap<string, () => Value> {
    const found = this.sources.resolve(specifier, module.parsed.file, module.spanOf(at));
    if (found.kind === "source") return this.load(found.path).exports;
    return new Map(Object.entries(found.module).map(([name, value]) => [name, () => this.host.lift(value, name)]));
  }

  private imported(module: ModuleScope, s: Extract<Syntax, { type: "ImportDeclaration" }>): void {
    if (s.importKind === "type" || s.specifiers.length === 0) return;
    const from = this.exportsOf(module, s.source.value, s);
    for (const sp of s.specifiers) {
      if (sp.type === "ImportNamespaceSpecifier") {
        module.scope.cells.set(
          sp.local.name,
          lazyCell(() => this.host.namespace(from)),
        );
        continue;
      }
      if (sp.type === "ImportSpecifier" && sp.importKind === "type") continue;
      const name = sp.type === "ImportSpecifier" ? nameOf(sp.imported) : "default";
      module.scope.cells.set(sp.local.name, lazyCell(this.exported(from, name, s.source.value, module.spanOf(sp))));
    }
  }
}

function nameOf(n: Syntax): string {
  return n.type === "Identifier" ? n.name : String((n as { value?: unknown }).value);
}

function declared(d: Syntax | null): string[] {
  if (d === null) return [];
  if (d.type === "VariableDeclaration") return d.declarations.flatMap((x) => (x.id.type === "Identifier" ? [x.id.name] : []));
  return "id" in d && d.id !== null && (d.id as Syntax).type === "Identifier" ? [(d.id as { name: string }).name] : [];
}

/** A variable that is given its value when it is first read. */
export function lazyCell(get: () => Value): Cell<Value | undefined> {
  let known: Value | undefined;
  const cell = {
    number: 0,
    owner: undefined,
    get value() {
      known ??= get();
      return known;
    },
    set value(_) {},
  };
  return cell;
}
