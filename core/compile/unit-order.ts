/**
 * Units in an order in which they can run, kept while they grow: a unit that comes to need a later one moves that, and what it needs,
 * before itself (Pearce and Kelly 2006, "A dynamic topological sort algorithm for directed acyclic graphs"). Whether one unit needs
 * another is then a search between their places only.
 */

/** Units that are looked at to see that one does not need another. A training step's way back often asks about its distant way forward. */
const FAR = 1000;

/** What can be put in order. */
export interface Ordered<U> {
  /** Its place in the order; -1 before it has one. */
  place: number;
  readonly deps: Set<U>;
}

export class UnitOrder<Unit extends Ordered<Unit>> {
  /** By place; undefined where a unit was taken over. */
  private units: (Unit | undefined)[] = [];
  private holes = 0;
  /** Which units need one, at once and not through others. */
  private readonly needers = new Map<Unit, Set<Unit>>();

  /** Each after what it needs. */
  get list(): readonly Unit[] {
    return this.units.filter((u) => u !== undefined);
  }

  /** A unit of which nothing is needed yet; what it needs is here. */
  add(unit: Unit): void {
    unit.place = this.units.push(unit) - 1;
    for (const d of unit.deps) this.note(unit, d);
  }

  /** False where `unit` is known to need nothing of `of`, directly or not: true where that would be a search through very many. */
  depends(unit: Unit, of: Unit): boolean {
    if (of.place < 0) return false;
    const seen = new Set<Unit>();
    const stack: Unit[] = [unit];
    for (let u = stack.pop(); u !== undefined; u = stack.pop()) {
      if (u === of || seen.size > FAR) return true;
      if (u.place < of.place || seen.has(u)) continue;
      seen.add(u);
      stack.push(...u.deps);
    }
    return false;
  }

  /** `unit` needs `others` from now on, of which none needs it. */
  need(unit: Unit, others: Iterable<Unit>): void {
    for (const d of others) {
      unit.deps.add(d);
      this.note(unit, d);
      if (unit.place >= 0 && d.place > unit.place) this.moveBefore(d, unit.place);
    }
  }

  /** `by` has taken over all of `unit`; neither needs the other. */
  replace(unit: Unit, by: Unit): void {
    if (by.place > unit.place) this.moveBefore(by, unit.place);
    this.units[unit.place] = undefined;
    this.holes++;
    for (const u of this.needers.get(unit) ?? []) {
      u.deps.delete(unit);
      u.deps.add(by);
      this.note(u, by);
    }
    this.needers.delete(unit);
    for (const d of unit.deps) this.needers.get(d)?.delete(unit);
    this.need(by, unit.deps);
    if (this.holes > this.units.length / 2) this.close();
  }

  private note(unit: Unit, needed: Unit): void {
    const list = this.needers.get(needed);
    if (list === undefined) this.needers.set(needed, new Set([unit]));
    else list.add(unit);
  }

  /** Numbers the units anew, without holes. */
  private close(): void {
    this.units = this.list.slice();
    this.holes = 0;
    for (const [i, u] of this.units.entries()) (u as Unit).place = i;
  }

  /** Moves a unit to a place further up, and before it what it needs from there on. */
  private moveBefore(unit: Unit, place: number): void {
    const moving = new Set<Unit>();
    const stack: Unit[] = [unit];
    for (let u = stack.pop(); u !== undefined; u = stack.pop()) {
      if (u.place < place || moving.has(u)) continue;
      moving.add(u);
      stack.push(...u.deps);
    }
    const between = this.units.slice(place, unit.place + 1);
    const isMoving = (u: Unit | undefined) => u !== undefined && moving.has(u);
    const next = [...between.filter(isMoving), ...between.filter((u) => !isMoving(u))];
    for (const [i, u] of next.entries()) {
      this.units[place + i] = u;
      if (u !== undefined) u.place = place + i;
    }
  }
}
