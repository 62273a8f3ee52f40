/** The strip of minutes as bars of one pixel, and how the keyboard walks over it. Pure. */

export interface Bar {
  /** Of the largest minute, 0 to 1. */
  readonly part: number;
  readonly herd: boolean;
}

export const MINUTE = 60_000;

/** Counts by minute from `begin` (ms) on, and the places of herds among them. */
export interface Minutes {
  readonly begin: number;
  readonly counts: readonly number[];
  readonly herds: readonly number[];
}

/** What is still to come of what was read at `read` by this clock. One that is minutes off the server's only tells how many have passed. */
export function toCome({ begin, counts, herds }: Minutes, read: number, now: number): Minutes {
  const off = Math.floor((read - begin) / MINUTE);
  const late = off === 1 ? 0 : off; // the minute ended while the answer was on its way
  const gone = Math.max(0, Math.min(counts.length, Math.floor((now - begin) / MINUTE) - late));
  return {
    begin: begin + gone * MINUTE,
    counts: counts.slice(gone),
    herds: herds.filter((place) => place >= gone).map((place) => place - gone),
  };
}

/** Each pixel shows the largest of the minutes below it. */
export function bars(counts: readonly number[], herds: ReadonlySet<number>, width: number): readonly Bar[] {
  const most = counts.reduce((largest, count) => Math.max(largest, count), 0);
  return Array.from({ length: width }, (_, x) => {
    const first = Math.floor((x * counts.length) / width);
    const last = Math.max(first + 1, Math.floor(((x + 1) * counts.length) / width));
    let largest = 0;
    let herd = false;
    for (let at = first; at < last && at < counts.length; at++) {
      largest = Math.max(largest, counts[at] ?? 0);
      herd ||= herds.has(at);
    }
    return { part: most > 0 ? largest / most : 0, herd };
  });
}

/** At which minutes a clock that is `offset` ms ahead of UTC shows 00:00, 06:00, 12:00 or 18:00. */
export function quarters(begin: number, size: number, offset: (at: number) => number): readonly number[] {
  const found: number[] = [];
  for (let at = 0; at < size; at++) {
    const time = begin + at * MINUTE;
    if (time % (15 * MINUTE) === 0 && (time + offset(time)) % (6 * 60 * MINUTE) === 0) found.push(at); // clocks differ by quarters of an hour
  }
  return found;
}

const STEPS: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -15, ArrowDown: 15, PageUp: -60, PageDown: 60 };

/** Where a key leads; `h` to the next herd. Undefined for other keys. */
export function moved(at: number | undefined, key: string, size: number, herds: ReadonlySet<number>): number | undefined {
  if (size === 0) return undefined;
  if (key === "Home") return 0;
  if (key === "End") return size - 1;
  if (key === "h" || key === "H") {
    const places = [...herds].sort((one, other) => one - other);
    return places.find((place) => place > (at ?? -1)) ?? places[0];
  }
  const step = STEPS[key];
  if (step === undefined) return undefined;
  return at === undefined ? 0 : Math.max(0, Math.min(size - 1, at + step));
}
