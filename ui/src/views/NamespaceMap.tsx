/** The slots of one namespace: counts, the canvas, and what is under the pointer or the keyboard's cursor. */
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { store } from "../live";
import { nodeName } from "../live/names";
import type { Space } from "../live/store";
import { palette } from "../map/colours";
import type { Found } from "../map/found";
import { type Layout, layout, slotAt, step } from "../map/layout";
import { Painter } from "../map/paint";
import { RETRYING, RUNNING, UNKNOWN, WAITING } from "../map/slots";
import { StatusDot } from "../parts/StatusDot";
import { useSize } from "../parts/use";
import { When } from "../parts/When";
import { ask } from "../route";
import { dark } from "../settings";
import { number, percent, status, t, term } from "../text";

const TALLEST = 460;
/** Keys that lead from run to run. */
const RUNS: Readonly<Record<string, 1 | -1>> = { n: 1, N: 1, p: -1, P: -1 };

interface Props {
  space: Space;
  found: Found | undefined;
  open: string;
}

export function NamespaceMap({ space, found, open }: Props) {
  store.version.value;
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [slot, point] = useState<number>();
  const last = useRef<number | undefined>(undefined);
  const size = space.size;
  const grid = layout(size, width || 300, TALLEST);
  const canvas = usePainted({ space, size, grid, found, ready: width > 0 });

  useSize(frame, (element) => setWidth(element.clientWidth));

  const openSlot = (at: number | undefined) => {
    const id = at === undefined ? undefined : space.slots.at(at);
    if (id) ask({ run: id }, false);
  };
  const setSlot = (at: number | undefined) => {
    if (at !== undefined) last.current = at;
    point(at);
  };
  const seek = (by: 1 | -1) => space.slots.seek(slot ?? last.current ?? (by > 0 ? -1 : space.slots.used), by, (id) => !found || found.has(id));
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter") openSlot(slot);
    else if (event.key === "Escape") setSlot(undefined);
    else {
      const by = RUNS[event.key];
      const next = by ? (seek(by) ?? slot) : step(grid, size, slot ?? last.current, event.key);
      if (next === undefined) return;
      setSlot(next);
    }
    event.preventDefault();
  };
  const under = (event: MouseEvent) => slotAt(grid, size, event.offsetX, event.offsetY);
  const counts = countsOf(space);
  const mine = space.slots.where(open);
  return (
    <section class="space" aria-labelledby={`space-${space.name}`} data-space={space.name}>
      <header>
        <h2 id={`space-${space.name}`}>{space.name}</h2>
        <Counts space={space} counts={counts} found={found} />
      </header>
      <div class="frame" ref={frame}>
        <div
          class="stage"
          role="application"
          tabIndex={0}
          aria-label={t("map.canvas", { name: space.name, ...counts })}
          aria-description={t("map.hint")}
          onKeyDown={onKey}
          onBlur={() => setSlot(undefined)}
        >
          <canvas
            ref={canvas}
            class="map"
            aria-hidden="true"
            onMouseMove={(event) => setSlot(under(event))}
            onMouseLeave={() => setSlot(undefined)}
            onClick={(event) => openSlot(under(event))}
          />
          {mine !== undefined && <Mark grid={grid} slot={mine} kind="open" />}
          {slot !== undefined && slot < size && <Mark grid={grid} slot={slot} kind="cursor" />}
          {slot !== undefined && slot < size && <Details space={space} slot={slot} grid={grid} />}
        </div>
      </div>
    </section>
  );
}

interface Painted {
  space: Space;
  size: number;
  grid: Layout;
  found: Found | undefined;
  /** Its width is known. */
  ready: boolean;
}

/** A canvas that shows the slots as they are: all of them when the view of them changes, else those that have changed. */
function usePainted({ space, size, grid, found, ready }: Painted) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const painter = useRef<Painter | undefined>(undefined);
  const shown = useRef<readonly unknown[]>([]);
  const light = dark.value;
  // In the same frame as the counts beside it.
  useLayoutEffect(() => {
    const element = canvas.current;
    if (!element || !ready) return;
    painter.current ??= new Painter(element);
    const fits = found && ((slot: number) => found.has(space.slots.at(slot)));
    const now = [space, size, grid.columns, grid.rows, grid.side, found, light];
    const same = now.every((value, at) => value === shown.current[at]);
    shown.current = now;
    const changed = space.changed;
    space.changed = new Set();
    if (!same) painter.current.all(space.slots, size, grid, palette(), fits);
    else if (changed.size > 0) painter.current.some(changed, space.slots, grid, palette(), fits);
  });
  return canvas;
}

interface CountsOf {
  running: number;
  waiting: number;
  retrying: number;
  unknown: number;
  free: number;
  [name: string]: number;
}

function countsOf(space: Space): CountsOf {
  const { counts } = space.slots;
  const get = (cell: number) => counts[cell] ?? 0;
  const taken = get(WAITING) + get(RUNNING) + get(RETRYING) + get(UNKNOWN);
  return {
    running: get(RUNNING),
    waiting: get(WAITING),
    retrying: get(RETRYING),
    unknown: get(UNKNOWN),
    free: Math.max(0, space.limit - taken),
  };
}

function Counts({ space, counts, found }: { space: Space; counts: CountsOf; found: Found | undefined }) {
  const names = ["running", "waiting", "retrying", ...(counts.unknown ? (["unknown"] as const) : []), "free"] as const;
  return (
    <dl class="counts">
      <div>
        <dt class="quiet">{t("map.title")}</dt>
        <dd>{t("map.slots", { n: number(space.limit) })}</dd>
      </div>
      {names.map((name) => (
        <div key={name} data-count={name}>
          <dt>
            <i class={`cell ${name}`} aria-hidden="true" />
            {t(`cell.${name}`)}
          </dt>
          <dd>
            <b>{number(counts[name])}</b> <small>{percent(counts[name], space.limit)}</small>
          </dd>
        </div>
      ))}
      {space.queue.size > 0 && (
        <div data-count="queue">
          <dt class="quiet">{t("cell.waiting")}</dt>
          <dd>{t("map.queue", { n: number(space.queue.size) })}</dd>
        </div>
      )}
      {found && (
        <div data-count="found">
          <dt>{t("map.found")}</dt>
          <dd>
            <b>{number(found.in(space.name))}</b>
          </dd>
        </div>
      )}
    </dl>
  );
}

function Mark({ grid, slot, kind }: { grid: Layout; slot: number; kind: string }) {
  const [left, top] = corner(grid, slot);
  return <div class={`mark ${kind}`} style={{ left: px(left), top: px(top), width: px(grid.side), height: px(grid.side) }} />;
}

function px(length: number): string {
  return `${length}px`;
}

function corner(grid: Layout, slot: number): [number, number] {
  return [(slot % grid.columns) * grid.side, Math.floor(slot / grid.columns) * grid.side];
}

function Details({ space, slot, grid }: { space: Space; slot: number; grid: Layout }) {
  const run = store.runs.get(space.slots.at(slot) ?? "");
  const [left, top] = corner(grid, slot);
  const side = left > grid.width / 2 ? { right: px(Math.max(0, grid.width - left)) } : { left: px(left + grid.side) };
  return (
    <div class="tip" role="status" style={{ ...side, top: px(top + grid.side + 2) }}>
      {run === undefined ? (
        t("map.slot.free", { n: slot + 1 })
      ) : (
        <>
          <b>{run.plan}</b>
          {run.name !== run.plan && <span class="soft">{run.name}</span>}
          <span>
            <StatusDot status={run.status} /> {status(run.status)} {term(run.reason)}
            {run.attempt > 1 && ` · ${t("trace.attempt", { n: run.attempt })}`}
          </span>
          <span class="soft">
            {t(run.started ? "run.started" : "run.due")} <When time={run.started || run.due} zone={run.zone} />
          </span>
          <span class="soft">{[run.executor, term(run.trigger), nodeName(run.node)].filter(Boolean).join(" · ")}</span>
          <code>{run.id}</code>
        </>
      )}
    </div>
  );
}
