/**
 * What a picture of a program shows, whatever engine it is of: boxes in boxes, and edges between those that hold none. `dot.ts` writes it
 * for Graphviz, `page.ts` as a page that is looked around in.
 */
import type { Span } from "../../core/base/span.ts";

export interface Box {
  /** Position of the box around it among the boxes, before its own; -1 for the outermost. */
  readonly parent: number;
  /** A group holds boxes; `input` and `result` are the ends of a graph; all else is a node. */
  readonly kind: "group" | "node" | "input" | "result" | "constant";
  /** What is written on it. */
  readonly label: string;
  /** In full: `layer/while_12/body/log_3`. */
  readonly name: string;
  /** What it does, in a word, and with what numbers. */
  readonly op: string;
  readonly detail?: string | undefined;
  readonly type?: string | undefined;
  readonly span?: Span | undefined;
  /** Name of what it is a part of the derivative of. */
  readonly about?: string | undefined;
  readonly time?: BoxTime | undefined;
}

/** What a measured run spent on a node. */
export interface BoxTime {
  /** Of the launches that compute it, which `sharedBy` nodes share. */
  readonly milliseconds: number;
  /** Of each launch as much as of every other node in it. */
  readonly share: number;
  readonly launches: number;
  readonly sharedBy: number;
  readonly bytes: number;
  readonly isStored: boolean;
}

export interface Edge {
  readonly from: number;
  readonly to: number;
  /** Type of what goes along. */
  readonly label: string;
  /** Decides whether something is computed, or how often. */
  readonly isControl: boolean;
  /** From a turn of a loop to the next: against the order of the picture. */
  readonly isBack: boolean;
}

export interface Picture {
  readonly title: string;
  readonly boxes: readonly Box[];
  readonly edges: readonly Edge[];
  /** Where times are from: device, and milliseconds of all launches of the run. */
  readonly measured?: { readonly device: string; readonly milliseconds: number } | undefined;
}

/** Builds a picture. */
export class Drawing {
  private readonly boxes: Box[] = [];
  private readonly edges: Edge[] = [];
  private readonly groups = new Map<string, number>();

  add(box: Omit<Box, "name"> & { readonly name?: string }): number {
    return this.boxes.push({ ...box, name: box.name ?? box.label }) - 1;
  }

  /** The group of this label within a box, made where it is not there. */
  group(parent: number, label: string, more: Partial<Box> = {}): number {
    const key = `${parent}/${label}`;
    let at = this.groups.get(key);
    if (at === undefined) {
      const around = this.boxes[parent];
      at = this.add({ parent, kind: "group", label, op: "scope", name: around === undefined ? label : `${around.name}/${label}`, ...more });
      this.groups.set(key, at);
    }
    return at;
  }

  edge(from: number, to: number, label: string, kind: { readonly isControl?: boolean; readonly isBack?: boolean } = {}): void {
    this.edges.push({ from, to, label, isControl: kind.isControl ?? false, isBack: kind.isBack ?? false });
  }

  finish(title: string, measured?: Picture["measured"]): Picture {
    return { title, boxes: this.boxes, edges: this.edges, measured };
  }
}
