/**
 * Edits of the source text, all kept relative to the original so that one source map covers them. Passes visit parents before
 * children; `wrap` puts an outer node's text outside that of an inner one which starts or ends at the same place.
 */
import MagicString from "magic-string";
import type { Node } from "oxc-parser";

export class Edits {
  readonly text: MagicString;
  readonly source: string;
  /** Nodes whose text another edit has consumed; the eraser of types must leave them. */
  readonly consumed = new Set<Node>();

  constructor(source: string) {
    this.source = source;
    this.text = new MagicString(source);
  }

  /** `before` and `after` around the node. */
  wrap(node: Node, before: string, after: string): void {
    if (before !== "") this.text.appendRight(node.start, before);
    if (after !== "") this.text.prependLeft(node.end, after);
  }

  /** Replaces a stretch that holds no rewritten node; what was put around it stays. */
  replace(start: number, end: number, by: string): void {
    if (start < end) this.text.update(start, end, by === "" ? " " : by);
    else if (by !== "") this.text.appendLeft(start, by);
  }

  /** Erases types. Runs of text that others have inserted at the borders stay. */
  erase(start: number, end: number): void {
    if (start < end) this.text.update(start, end, " ");
  }

  slice(node: Node): string {
    return this.source.slice(node.start, node.end);
  }
}
