/** Where a run stands in loops: what it is told by loops that begin, turn and end. */
import type { Node } from "../graph.ts";
import { nameOf } from "../origin.ts";

export class Loops {
  private readonly open: { readonly loop: Node; turn: number }[] = [];

  reset(): void {
    this.open.length = 0;
  }

  readonly enter = (loop: Node): void => {
    this.open.push({ loop, turn: -1 });
  };

  readonly turn = (): void => {
    const innermost = this.open.at(-1);
    if (innermost !== undefined) innermost.turn++;
  };

  readonly leave = (): void => {
    this.open.pop();
  };

  /** The turns of the loops around, from the outermost; the first turn is 0. */
  get turns(): readonly { readonly loop: string; readonly turn: number }[] {
    return this.open.map(({ loop, turn }) => ({ loop: nameOf(loop), turn }));
  }
}
