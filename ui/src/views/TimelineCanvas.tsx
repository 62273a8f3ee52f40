/** The canvas of the timeline, and what mouse, fingers and keys do on it. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { useSize } from "../parts/use";
import { dark } from "../settings";
import { number, t } from "../text";
import { inZone, offsetIn } from "../time";
import { type Bar, extent, heightOf, type Lane } from "../timeline/bars";
import { AXIS, paint, type Spot, spotAt } from "../timeline/paint";
import { moved, type Span, zoomed } from "../timeline/span";

interface Props {
  lanes: readonly Lane[];
  span: Span;
  now: number;
  open: string;
  /** Of the axis. */
  zone: string;
  completeFrom: number | undefined;
  name: (key: string) => string;
  onSpan: (span: Span) => void;
  onOpen: (id: string) => void;
  tip: (bar: Bar) => ComponentChildren;
}

const DAY = 86_400_000;
const TALLEST = 620;
const SHORTEST = 160;
/** A pointer that has moved less has clicked. */
const STILL = 4;

export function TimelineCanvas(props: Props) {
  const { lanes, span, open, zone, now, tip } = props;
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const spots = useRef<Spot[]>([]);
  const [size, setSize] = useState({ width: 0, top: 0 });
  const [hovered, setHovered] = useState<Bar>();
  const whole = AXIS + heightOf(lanes);
  const height = Math.max(SHORTEST, Math.min(TALLEST, whole));
  const gutter = size.width < 600 ? 92 : 190;
  dark.value; // painted anew when it changes
  const look = (element: HTMLElement) => setSize({ width: element.clientWidth, top: element.scrollTop });
  useSize(frame, look);
  useLayoutEffect(() => {
    if (!canvas.current || size.width === 0) return;
    canvas.current.style.width = `${size.width}px`;
    canvas.current.style.height = `${height}px`;
    spots.current = paint(canvas.current, {
      ...props,
      ...size,
      height,
      gutter,
      chosen: open,
      hovered: hovered?.id ?? "",
      clock: (at) => offsetIn(zone, at),
      offset: offsets(span, zone),
      label: (at, step) => label(at, step, zone),
    });
  });
  const hover = (bar: Bar | undefined) => {
    setHovered(bar);
    const top = bar && topOf(bar, lanes);
    const element = frame.current;
    if (!element || top === undefined) return;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + 2 * AXIS > element.scrollTop + height) element.scrollTop = top + 2 * AXIS - height;
  };
  const hands = useHands(props, { gutter, width: size.width, spots, hovered, point: setHovered, walk: (by) => hover(neighbor(inOrder(lanes, span, now), hovered, by)) });
  useWheel(frame, props, { gutter, width: size.width });
  const bars = lanes.reduce((sum, lane) => sum + lane.rows.reduce((count, row) => count + row.length, 0), 0);
  const shown = hovered && spots.current.find((spot) => spot.bar.id === hovered.id);
  return (
    <div class="lanes">
      <div
        class="scroll"
        ref={frame}
        tabIndex={0}
        role="application"
        aria-label={t("timeline.canvas", { n: number(bars), lanes: number(lanes.length) })}
        aria-describedby="timeline-keys"
        style={{ height: `${height}px` }}
        onScroll={(event) => look(event.currentTarget)}
        {...hands}
      >
        <div style={{ height: `${Math.max(whole, height)}px` }}>
          <canvas ref={canvas} aria-hidden="true" />
        </div>
      </div>
      <div class={shown ? "tip" : "quiet"} role="status" style={shown && tipPlace(shown, gutter, size.width)}>
        {shown && tip(shown.bar)}
      </div>
      <p id="timeline-keys" class="soft keys">
        {t("timeline.keys")}
      </p>
    </div>
  );
}

function tipPlace(shown: Spot, gutter: number, width: number) {
  const left = Math.max(0, Math.min(Math.max(shown.left, gutter), width - 260));
  return { left: `${left}px`, top: `${shown.bottom + 8}px` };
}

/** Of a mark of the axis: the day where that is what changes. */
function label(at: number, step: number, zone: string): string {
  const text = inZone(new Date(at).toISOString(), zone);
  if (step >= DAY) return text.slice(0, 10);
  const clock = step < 60_000 ? text.slice(11, 19) : text.slice(11, 16);
  return text.slice(11, 19) === "00:00:00" ? text.slice(5, 10) : clock;
}

/** `+01:00`, or both where the clock changes within the span. */
function offsets(span: Span, zone: string): string {
  const [from, until] = [span.from, span.until].map((at) => inZone(new Date(at).toISOString(), zone).slice(20));
  return from === until ? `${from}` : `${from} → ${until}`;
}

interface Room {
  gutter: number;
  width: number;
}

interface Hands extends Room {
  spots: { current: Spot[] };
  hovered: Bar | undefined;
  point: (bar: Bar | undefined) => void;
  /** To the bar after (1) or before (-1). */
  walk: (by: number) => void;
}

interface Held {
  x: number;
  /** Where it was laid down. */
  from: number;
}

function useHands(props: Props, { gutter, width, spots, hovered, point, walk }: Hands) {
  const held = useRef(new Map<number, Held>());
  const dragged = useRef(false);
  const { span, onSpan, onOpen } = props;
  const placeOf = (event: PointerEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const part = (x: number) => Math.max(0, Math.min(1, (x - gutter) / Math.max(1, width - gutter)));
  const drag = (id: number, x: number) => {
    const before = [...held.current.values()].map((one) => one.x);
    const one = held.current.get(id);
    if (!one) return;
    const by = x - one.x;
    one.x = x;
    if (Math.abs(x - one.from) > STILL) dragged.current = true;
    if (!dragged.current) return;
    const after = [...held.current.values()].map((each) => each.x);
    if (after.length === 1) onSpan(moved(span, -by / Math.max(1, width - gutter)));
    else if (after.length === 2) onSpan(pinched(span, before, after, part));
  };
  return {
    onPointerDown: (event: PointerEvent) => {
      if (event.button !== 0) return;
      const { x } = placeOf(event);
      if (held.current.size === 0) dragged.current = false;
      held.current.set(event.pointerId, { x, from: x });
      (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    },
    onPointerMove: (event: PointerEvent) => {
      const { x, y } = placeOf(event);
      if (held.current.has(event.pointerId)) drag(event.pointerId, x);
      else point(spotAt(spots.current, x, y)?.bar);
    },
    onPointerUp: (event: PointerEvent) => {
      const { x, y } = placeOf(event);
      const spot = spotAt(spots.current, x, y);
      if (held.current.delete(event.pointerId) && !dragged.current && spot) onOpen(spot.bar.id);
    },
    onPointerCancel: (event: PointerEvent) => held.current.delete(event.pointerId),
    onPointerLeave: () => point(undefined),
    onKeyDown: (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const next = onKey(event.key, event.shiftKey, span);
      if (next) onSpan(next);
      else if (event.key === "Enter" && hovered) onOpen(hovered.id);
      else if (event.key === "Escape") point(undefined);
      else if (event.key === "n" || event.key === "p") walk(event.key === "n" ? 1 : -1);
      else return;
      event.preventDefault();
    },
  };
}

function onKey(key: string, far: boolean, span: Span): Span | undefined {
  const by = far ? 0.5 : 0.1;
  if (key === "ArrowLeft") return moved(span, -by);
  if (key === "ArrowRight") return moved(span, by);
  if (key === "+" || key === "=") return zoomed(span, 0.5, 0.5);
  if (key === "-") return zoomed(span, 2, 0.5);
  return undefined;
}

/** The bars of the span, as they lie from above and from left. */
function inOrder(lanes: readonly Lane[], span: Span, now: number): Bar[] {
  const seen = (bar: Bar) => {
    const { first, last } = extent(bar, now);
    return last >= span.from && first <= span.until;
  };
  return lanes.flatMap((lane) => lane.rows.flat()).filter(seen);
}

function neighbor(bars: readonly Bar[], from: Bar | undefined, by: number): Bar | undefined {
  const at = bars.findIndex((bar) => bar.id === from?.id);
  return bars[at < 0 ? (by > 0 ? 0 : bars.length - 1) : Math.max(0, Math.min(bars.length - 1, at + by))];
}

/** Pixels from the top of all lanes. */
function topOf(wanted: Bar, lanes: readonly Lane[]): number | undefined {
  for (const lane of lanes) {
    const row = lane.rows.findIndex((bars) => bars.some((bar) => bar.id === wanted.id));
    if (row >= 0) return lane.top + row * lane.row;
  }
  return undefined;
}

/** What lay under two fingers stays under them. */
function pinched(span: Span, before: readonly number[], after: readonly number[], part: (x: number) => number): Span {
  const width = (points: readonly number[]) => Math.max(8, Math.abs((points[0] ?? 0) - (points[1] ?? 0)));
  const middle = (points: readonly number[]) => ((points[0] ?? 0) + (points[1] ?? 0)) / 2;
  const nearer = zoomed(span, width(before) / width(after), part(middle(before)));
  return moved(nearer, part(middle(before)) - part(middle(after)));
}

/** A wheel with Ctrl zooms, one to the side (or with Shift) moves; else the lanes scroll. Not passive: the page must not zoom too. */
function useWheel(frame: { current: HTMLDivElement | null }, props: Props, { gutter, width }: Room): void {
  const newest = useRef({ props, gutter, width });
  newest.current = { props, gutter, width };
  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    const turn = (event: WheelEvent) => {
      const { props: now, gutter: left, width: wide } = newest.current;
      const room = Math.max(1, wide - left);
      const aside = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
      if (event.ctrlKey || event.metaKey) {
        const at = (event.clientX - element.getBoundingClientRect().left - left) / room;
        now.onSpan(zoomed(now.span, 1.002 ** event.deltaY, Math.max(0, Math.min(1, at))));
      } else if (Math.abs(aside) > Math.abs(event.shiftKey ? 0 : event.deltaY)) now.onSpan(moved(now.span, aside / room));
      else return;
      event.preventDefault();
    };
    element.addEventListener("wheel", turn, { passive: false });
    return () => element.removeEventListener("wheel", turn);
  }, []);
}
