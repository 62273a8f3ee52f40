/** The span of time that is shown: moving it, and the marks on its axis. Pure; milliseconds since 1970. */

export interface Span {
  readonly from: number;
  readonly until: number;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SHORTEST = SECOND;
const LONGEST = 400 * DAY;
/** What the server knows as a time: the years 1 to 9999. */
const FIRST = -62_135_596_800_000;
const LAST = 253_402_300_799_999;
const STEPS = [1, 2, 5, 10, 15, 30].map((n) => n * SECOND).concat([1, 2, 5, 10, 15, 30].map((n) => n * MINUTE), [1, 2, 3, 6, 12].map((n) => n * HOUR), [1, 2, 7, 14, 28, 91].map((n) => n * DAY));

/** `times` as long (less than 1: nearer), around what lies at `part` of it. */
export function zoomed(span: Span, times: number, part: number): Span {
  const before = span.until - span.from;
  const length = Math.round(Math.min(LONGEST, Math.max(SHORTEST, before * times)));
  const fixed = span.from + before * part;
  return within(Math.round(fixed - length * part), length);
}

/** Moved by a part of its length; positive: later. */
export function moved(span: Span, part: number): Span {
  const length = span.until - span.from;
  return within(span.from + Math.round(length * part), length);
}

function within(from: number, length: number): Span {
  const begin = Math.max(FIRST, Math.min(LAST - length, from));
  return { from: begin, until: begin + length };
}

/** What an address asks for; undefined: it does not, or nothing that can be. */
export function spanOf(from: string, until: string): Span | undefined {
  const [first, last] = [Date.parse(from), Date.parse(until)];
  return FIRST <= first && first < last && last <= LAST && last - first <= LONGEST ? { from: first, until: last } : undefined;
}

/** Milliseconds that a clock is ahead of UTC at a time. */
export type Offset = (at: number) => number;

/** Where marks are, so that none is nearer to the next than `room` of `width`: at whole times of the clock, days at midnight. */
export function marks(span: Span, width: number, room: number, offset: Offset): { step: number; at: number[] } {
  const least = ((span.until - span.from) * room) / Math.max(1, width);
  const step = STEPS.find((one) => one >= least) ?? Math.ceil(least / DAY) * DAY;
  const at: number[] = [];
  const first = offset(span.from);
  const begin = Math.ceil((span.from + first) / step) * step;
  for (let clock = begin; clock - first <= span.until + DAY; clock += step) {
    // A day may be longer or shorter than 24 hours; hours are always as long.
    const mark = step > HOUR ? timeOf(clock, offset) : clock - first;
    if (mark > span.until) break;
    if (mark >= span.from && mark > (at.at(-1) ?? -Infinity)) at.push(mark);
  }
  return { step, at };
}

/** When the clock shows this; a time that it leaves out is where it goes on. */
function timeOf(clock: number, offset: Offset): number {
  const near = clock - offset(clock);
  return clock - offset(near);
}
