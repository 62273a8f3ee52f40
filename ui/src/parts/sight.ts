/** Which rows of a long table are in sight, with some to spare. Pure. */
const SPARE = 10;

export function inSight(count: number, height: number, top: number, room: number): { first: number; last: number } {
  const first = Math.max(0, Math.min(count, Math.floor(top / height) - SPARE));
  return { first, last: Math.min(count, first + Math.ceil(room / height) + 2 * SPARE) };
}
