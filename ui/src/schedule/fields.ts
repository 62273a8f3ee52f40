/** One field of a schedule as the values it means. Pure. The server decides what is right; what is odd here is left unsaid. */

/** `any`: every value; `every` n: those from the lowest in steps of n; `values`: these, in order. */
export type Field =
  | { readonly kind: "any" }
  | { readonly kind: "every"; readonly step: number }
  | { readonly kind: "values"; readonly values: readonly number[] };

export interface Kind {
  readonly low: number;
  readonly high: number;
  readonly names?: readonly string[];
}

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

export const SECOND: Kind = { low: 0, high: 59 };
export const MINUTE: Kind = { low: 0, high: 59 };
export const HOUR: Kind = { low: 0, high: 23 };
export const DAY: Kind = { low: 1, high: 31 };
export const MONTH: Kind = { low: 1, high: 12, names: MONTHS };
/** 7 is Sunday too. */
export const WEEKDAY: Kind = { low: 0, high: 6, names: DAYS };
export const YEAR: Kind = { low: 1970, high: 2199 };

/** What the field means; undefined for what has no plain meaning (`H`, `L`, `W`, `#`) or none at all. */
export function field(text: string, kind: Kind): Field | undefined {
  if (text === "*" || text === "?") return { kind: "any" };
  const every = /^\*\/(\d+)$/.exec(text);
  if (every) return Number(every[1]) === 1 ? { kind: "any" } : { kind: "every", step: Number(every[1]) };
  const found = new Set<number>();
  for (const part of text.split(",")) {
    const values = range(part, kind);
    if (!values) return undefined;
    for (const value of values) found.add(value);
  }
  return { kind: "values", values: [...found].sort((a, b) => a - b) };
}

function range(text: string, kind: Kind): readonly number[] | undefined {
  const form = /^(\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(text);
  if (!form) return undefined;
  const first = one(form[1] ?? "", kind);
  const step = form[3] === undefined ? 1 : Number(form[3]);
  if (kind === WEEKDAY && form[2] === undefined && form[3] !== undefined) return undefined; // up to which Sunday?
  const last = form[2] === undefined ? (form[3] === undefined ? first : kind.high) : one(form[2], kind);
  if (first === undefined || last === undefined || step < 1) return undefined;
  const size = kind.high - kind.low + 1;
  const wraps = last < first || (kind === WEEKDAY && form[2] === "7"); // the Sunday that ends the week
  const length = wraps ? last + size - first : last - first;
  const values: number[] = [];
  for (let at = 0; at <= length; at += step) values.push(((first + at - kind.low) % size) + kind.low);
  return values;
}

/** A number or a name; for days of the week 7 becomes 0. */
export function one(text: string, kind: Kind): number | undefined {
  const named = kind.names?.indexOf(text.toUpperCase()) ?? -1;
  if (named >= 0) return named + kind.low;
  if (!/^\d+$/.test(text)) return undefined;
  const value = Number(text);
  if (kind === WEEKDAY && value === 7) return 0;
  return value >= kind.low && value <= kind.high ? value : undefined;
}

/** Whether the values follow each other without a hole. */
export function unbroken(values: readonly number[]): boolean {
  return values.length > 2 && values.every((value, at) => at === 0 || value === (values[at - 1] ?? 0) + 1);
}
