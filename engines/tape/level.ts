/** Levels of derivative operators: each use takes the next number, so an inner operator is always above the one that runs it. */
let last = 0;

export function nextLevel(): number {
  return ++last;
}
