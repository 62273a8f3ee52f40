/** The timeline on its canvas: the axis, lanes with their names, bars pale while they wait and full while they run. */
import { plain } from "../text/plain";
import { type Bar, extent, type Lane, laneHeight } from "./bars";
import { marks, type Offset, type Span } from "./span";

export const AXIS = 30;
const GAP = 8;
const NAME = 18;
const LEAST = 3;
const MARK_ROOM = 110;

export interface View {
  readonly lanes: readonly Lane[];
  readonly span: Span;
  readonly now: number;
  /** CSS pixels. */
  readonly width: number;
  readonly height: number;
  /** Of the names. */
  readonly gutter: number;
  /** How far the lanes are scrolled. */
  readonly top: number;
  readonly chosen: string;
  readonly hovered: string;
  /** Bars of what was created before it are missing. */
  readonly completeFrom: number | undefined;
  /** Of the clock of the axis, and how it is written beside it. */
  readonly clock: Offset;
  readonly offset: string;
  readonly name: (key: string) => string;
  readonly label: (at: number, step: number) => string;
}

export interface Spot {
  readonly bar: Bar;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const COLOURS: Readonly<Record<string, string>> = {
  complete: "--good",
  failed: "--bad",
  expired: "--bad",
  unknown: "--cell-unknown",
  running: "--cell-running",
  pending: "--cell-waiting",
};

export function place(view: Pick<View, "span" | "width" | "gutter">, at: number): number {
  const { span, width, gutter } = view;
  return gutter + ((at - span.from) / (span.until - span.from)) * (width - gutter);
}

/** Paints everything; where the bars in sight are. */
export function paint(canvas: HTMLCanvasElement, view: View): Spot[] {
  const brush = canvas.getContext("2d");
  if (!brush) return [];
  const ratio = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(view.width * ratio), Math.round(view.height * ratio)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  brush.setTransform(ratio, 0, 0, ratio, 0, 0);
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  brush.fillStyle = colour("--surface");
  brush.fillRect(0, 0, view.width, view.height);
  brush.font = `12px ${getComputedStyle(canvas).fontFamily}`;
  brush.textBaseline = "middle";
  const spots = lanesAndBars(brush, view, colour);
  axis(brush, view, colour);
  return spots;
}

type Colour = (name: string) => string;

function lanesAndBars(brush: CanvasRenderingContext2D, view: View, colour: Colour): Spot[] {
  const spots: Spot[] = [];
  const soft = colour("--soft");
  if (view.completeFrom !== undefined) {
    const until = place(view, view.completeFrom);
    brush.fillStyle = colour("--warn");
    if (until > view.gutter) brush.fillRect(view.gutter, AXIS, until - view.gutter, view.height - AXIS);
  }
  brush.fillStyle = colour("--line");
  for (const mark of marksOf(view).at) brush.fillRect(Math.round(place(view, mark)), AXIS, 1, view.height);
  for (const lane of view.lanes) {
    const top = AXIS + lane.top - view.top;
    const height = laneHeight(lane);
    if (top + height < AXIS || top > view.height) continue;
    brush.fillStyle = colour("--line");
    brush.fillRect(0, top + height + GAP / 2 - 1, view.width, 1);
    lane.rows.forEach((row, line) => spots.push(...bars(brush, view, row, { top: top + line * lane.row, height: lane.row }, colour)));
    brush.fillStyle = colour("--surface");
    brush.fillRect(0, top - GAP / 2, view.gutter, height + GAP - 1);
    brush.fillStyle = colour("--text");
    const count = lane.most > 1 ? `×${lane.most}` : "";
    const room = count ? brush.measureText(count).width + 10 : 0;
    brush.fillText(fitted(brush, plain(view.name(lane.key)), view.gutter - 16 - room), 8, top + NAME / 2);
    brush.fillStyle = soft;
    brush.fillText(count, view.gutter - room, top + NAME / 2);
  }
  return spots;
}

interface Line {
  readonly top: number;
  readonly height: number;
}

function bars(brush: CanvasRenderingContext2D, view: View, row: readonly Bar[], { top, height }: Line, colour: Colour): Spot[] {
  const spots: Spot[] = [];
  if (top + height < AXIS || top > view.height) return spots;
  const edge = height > 9 ? 2 : height > 4 ? 1 : 0;
  const thin = height > 9 ? 5 : edge;
  for (const bar of row) {
    const { first, last } = extent(bar, view.now);
    if (last < view.span.from || first > view.span.until) continue;
    const left = Math.max(view.gutter, place(view, first));
    const right = Math.min(view.width, Math.max(place(view, last), place(view, first) + LEAST));
    if (right <= view.gutter) continue;
    const begun = bar.started === undefined ? right : Math.min(right, Math.max(left, place(view, bar.started)));
    const full = colour(COLOURS[bar.status] ?? "--soft");
    brush.fillStyle = full;
    if (begun > left) {
      brush.globalAlpha = 0.32;
      brush.fillRect(left, top + thin, begun - left, height - 2 * thin);
      brush.globalAlpha = 1;
    }
    if (bar.started !== undefined || begun - left < LEAST) brush.fillRect(Math.min(begun, right - LEAST), top + edge, Math.max(LEAST, right - begun), height - Math.max(1, 2 * edge));
    if (bar.id === view.chosen || bar.id === view.hovered) {
      brush.strokeStyle = colour(bar.id === view.chosen ? "--accent" : "--text");
      brush.lineWidth = 2;
      brush.strokeRect(left - 1, top + edge - 1, right - left + 2, height - 2 * edge + 2);
    }
    spots.push({ bar, left, right, top, bottom: top + height });
  }
  return spots;
}

function marksOf(view: View): { step: number; at: number[] } {
  return marks(view.span, view.width - view.gutter, MARK_ROOM, view.clock);
}

function axis(brush: CanvasRenderingContext2D, view: View, colour: Colour): void {
  brush.fillStyle = colour("--surface");
  brush.fillRect(0, 0, view.width, AXIS);
  const { step, at } = marksOf(view);
  for (const mark of at) {
    const x = place(view, mark);
    brush.fillStyle = colour("--line");
    brush.fillRect(Math.round(x), AXIS - 6, 1, 6);
    brush.fillStyle = colour("--soft");
    const text = view.label(mark, step);
    if (x + 4 + brush.measureText(text).width <= view.width) brush.fillText(text, x + 4, AXIS / 2);
  }
  brush.fillStyle = colour("--soft");
  brush.fillText(fitted(brush, view.offset, view.gutter - 16), 8, AXIS / 2);
  brush.fillStyle = colour("--line");
  brush.fillRect(0, AXIS - 1, view.width, 1);
  const now = place(view, view.now);
  if (now < view.gutter || now > view.width) return;
  brush.fillStyle = colour("--accent");
  brush.fillRect(Math.round(now) - 1, 0, 2, view.height);
}

function fitted(brush: CanvasRenderingContext2D, text: string, room: number): string {
  if (brush.measureText(text).width <= room) return text;
  let length = text.length;
  while (length > 1 && brush.measureText(`${text.slice(0, length)}…`).width > room) length--;
  return `${text.slice(0, length)}…`;
}

/** The bar at a point, a little beside it too. */
export function spotAt(spots: readonly Spot[], x: number, y: number): Spot | undefined {
  return spots.findLast((spot) => y >= spot.top && y < spot.bottom && x >= spot.left - 2 && x <= spot.right + 2);
}
