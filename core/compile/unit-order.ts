/**
 * Units in an order in which they can run, kept while they grow: a unit that comes to need a later one moves that, and what it needs,
 * before itself (Pearce and Kelly 2006, "A dynamic topological sort algorithm for directed acyclic graphs"). Whether one unit needs
 * another is then a search between their places only.
 */
/** What can be put in order. */
export interface Ordered<U> {
  /** Its place in the order; -1 before it has one. */
  place: number;
  readonly deps: Set<U>;
}

export class UnitOrder<Unit extends Ordered<Unit>> {
  private readonly units: Unit[] = [];

  /** Each after what it needs. */
  get list(): readonly Unit[] {
    return this.units;
  }

  /** A unit of which nothing is needed yet; what it needs is here. */
  add(unit: Unit): void {
    unit.place = this.units.push(unit) - 1;
  }

  /** True where `unit` needs something of `of`, directly or not. */
  depends(unit: Unit, of: Unit): boolean {
    if (of.place < 0) return false;
    const seen = new Set<Unit>();
    const stack: Unit[] = [unit];
    for (let u = stack.pop(); u !== undefined; u = stack.pop()) {
      if (u === of) return true;
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
      if (unit.place >= 0 && d.place > unit.place) this.moveBefore(d, unit.place);
    }
  }

  /** `by` has taken over all of `unit`; neither needs the other. */
  replace(unit: Unit, by: Unit): void {
    if (by.place > unit.place) this.moveBefore(by, unit.place);
    this.units.splice(unit.place, 1);
    // Only what comes after it may need it.
    for (let i = unit.place; i < this.units.length; i++) {
      const u = this.units[i] as Unit;
      u.place = i;
      if (u.deps.delete(unit)) u.deps.add(by);
    }
    this.need(by, unit.deps);
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
    const next = [...between.filter((u) => moving.has(u)), ...between.filter((u) => !moving.has(u))];
    for (const [i, u] of next.entries()) {
      this.units[place + i] = u;
      u.place = place + i;
    }
  }
}
