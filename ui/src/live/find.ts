/** Where a text lies in another, in capitals or not. Pure. */

export interface Found {
  readonly starts: readonly number[];
  /** There are more than are told. */
  readonly more: boolean;
}

export interface Piece {
  readonly text: string;
  /** Which of the places it is; undefined: it lies between them. */
  readonly at: number | undefined;
}

const MOST = 2000;
const NONE: Found = { starts: [], more: false };

export function find(text: string, wanted: string): Found {
  if (!wanted) return NONE;
  const pattern = new RegExp(wanted.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "gi");
  const starts: number[] = [];
  for (const match of text.matchAll(pattern)) {
    if (starts.length === MOST) return { starts, more: true };
    starts.push(match.index);
  }
  return { starts, more: false };
}

/** The text cut at the places that were found; each is `length` characters long. */
export function pieces(text: string, starts: readonly number[], length: number): Piece[] {
  const cut: Piece[] = [];
  let from = 0;
  starts.forEach((start, at) => {
    if (start > from) cut.push({ text: text.slice(from, start), at: undefined });
    cut.push({ text: text.slice(start, start + length), at });
    from = start + length;
  });
  if (from < text.length) cut.push({ text: text.slice(from), at: undefined });
  return cut;
}
