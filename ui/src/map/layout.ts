/** Where the slots of a namespace lie on its canvas. Pure; lengths in CSS pixels. */

export interface Layout {
  readonly columns: number;
  readonly rows: number;
  /** The side of a slot with its gap. */
  readonly side: number;
  readonly width: number;
  readonly height: number;
}

const LARGEST = 26;
const SMALLEST = 2;
/** From this side on there is a gap of one pixel between slots. */
export const GAP_FROM = 5;

/** The largest slots with which `count` of them fit; the map grows in height before a slot gets smaller than 2 px. */
export function layout(count: number, width: number, height: number): Layout {
  const slots = Math.max(1, count);
  const room = Math.max(SMALLEST, Math.floor(width));
  let side = Math.min(LARGEST, room);
  while (side > SMALLEST && Math.ceil(slots / Math.floor(room / side)) * side > height) side--;
  const columns = Math.max(1, Math.min(slots, Math.floor(room / side)));
  const rows = Math.ceil(slots / columns);
  return { columns, rows, side, width: columns * side, height: rows * side };
}

/** The slot at a point; undefined beside the grid. */
export function slotAt(grid: Layout, count: number, x: number, y: number): number | undefined {
  if (x < 0 || y < 0 || x >= grid.width || y >= grid.height) return undefined;
  const slot = Math.floor(y / grid.side) * grid.columns + Math.floor(x / grid.side);
  return slot < count ? slot : undefined;
}

/** Where a key leads from a slot, or from none; undefined: it is no key of the map. */
export function step(grid: Layout, count: number, from: number | undefined, key: string): number | undefined {
  const last = count - 1;
  if (from === undefined) return /^(Arrow|Page|Home$)/.test(key) ? 0 : key === "End" ? last : undefined;
  const to: Record<string, number> = {
    ArrowLeft: from - 1,
    ArrowRight: from + 1,
    ArrowUp: from - grid.columns,
    ArrowDown: from + grid.columns,
    Home: 0,
    End: last,
    PageUp: from - 10 * grid.columns,
    PageDown: from + 10 * grid.columns,
  };
  const wanted = to[key];
  return wanted === undefined ? undefined : Math.max(0, Math.min(last, wanted));
}
