/** When runs waited and ran: a bar each, in lanes of plans or nodes, over a span of time that is zoomed and moved. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { store } from "../live";
import { viewerZone, zone as chosen } from "../settings";
import { number, status, t, term } from "../text";
import { span as spanText } from "../time";
import { Search } from "../parts/Search";
import { StatusDot } from "../parts/StatusDot";
import { When } from "../parts/When";
import { ask, query, to } from "../route";
import { type Bar, type By, lanes, lateness } from "../timeline/bars";
import { serverNow, useBars } from "../timeline/live";
import { MOST, type Wanted } from "../timeline/merge";
import { moved, type Span, spanOf, zoomed } from "../timeline/span";
import { Choice, Hint } from "./MapPage";
import { RunPanel } from "./RunPanel";
import { nodeName } from "../live/names";
import { TimelineCanvas } from "./TimelineCanvas";
import "../styles/timeline.css";

const HOUR = 3_600_000;
const LENGTHS = [HOUR / 4, HOUR, 6 * HOUR, 24 * HOUR, 7 * 24 * HOUR];
/** What is left free at the right of now. */
const AHEAD = 0.04;
const STATUSES = ["pending", "running", "complete", "failed", "cancelled", "expired", "skipped", "unknown"];

function wantedOf(address: URLSearchParams): Wanted {
  const get = (name: string) => address.get(name) ?? "";
  const by: By = get("by") === "node" ? "node" : "plan";
  return { by, namespace: get("namespace"), plan_id: get("plan"), node_id: get("node"), status: get("status"), text: get("q") };
}

/** Drawn anew as often as this where much changes: a bar grows by less than a pixel meanwhile. */
const FRAME = 200;

/** Milliseconds of the server's clock, newer every second, and soon after something has changed. */
function useNow(): number {
  const [now, setNow] = useState(serverNow());
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNow()), 1000);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = store.version.subscribe(() => {
      timer ??= setTimeout(() => {
        timer = undefined;
        setNow(serverNow());
      }, FRAME);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, []);
  return now;
}

/** The zone of the axis: that of the plans where they have one in common and the viewer wants it, else the viewer's. */
function zoneOf(bars: readonly Bar[]): string {
  const zones = new Set(bars.map((bar) => bar.zone));
  const [only] = zones;
  return chosen.value === "plan" && zones.size === 1 && only ? only : viewerZone;
}

/** The span of the address; without one, that of the newest `last` milliseconds, which goes with the clock. */
function spanNow(address: URLSearchParams, now: number): { span: Span; follows: boolean } {
  const fixed = spanOf(address.get("from") ?? "", address.get("until") ?? "");
  if (fixed) return { span: fixed, follows: false };
  const asked = Number(address.get("last"));
  const length = asked >= 1000 && asked <= 400 * 24 * HOUR ? asked : HOUR;
  const until = now + length * AHEAD;
  return { span: { from: until - length, until }, follows: true };
}

/** Into the address, in place. */
function show(span: Span): void {
  const time = (at: number) => new Date(at).toISOString();
  ask({ from: time(span.from), until: time(span.until), last: "" });
}

export function TimelinePage() {
  const now = useNow();
  const wanted = wantedOf(query.value);
  const { span, follows } = spanNow(query.value, now);
  const found = useBars(wanted, span, follows);
  const open = query.value.get("run") ?? "";
  const name = (key: string) => (wanted.by === "plan" ? shortName(key, wanted.namespace) : nodeName(key));
  const drawn = useMemo(() => lanes(found.bars, wanted.by, now, name), [found.bars, wanted.by, now]);
  const zone = zoneOf(found.bars);
  return (
    <div class={open ? "beside" : ""}>
      <section class="timeline" aria-label={t("timeline.title")}>
        <h1>{t("timeline.title")}</h1>
        <Filters wanted={wanted} />
        <Moves span={span} follows={follows} now={now} zone={zone} />
        <p class="line">
          <output class="found" data-bars={found.bars.length} data-loading={String(found.loading)}>
            {t("timeline.bars", { n: number(found.bars.length), lanes: number(drawn.length) })}
          </output>
          {found.completeFrom !== undefined && <span class="partial">{t("timeline.more", { n: number(MOST) })}</span>}
          {found.error && (
            <span class="fault" role="alert">
              {found.error}
            </span>
          )}
          <a href={to.runs({ q: wanted.text, plan: wanted.plan_id, namespace: wanted.namespace, node: wanted.node_id, status: wanted.status, from: iso(span.from), until: iso(span.until) })}>
            {t("timeline.list")}
          </a>
        </p>
        <TimelineCanvas
          lanes={drawn}
          span={span}
          now={now}
          open={open}
          zone={zone}
          completeFrom={found.completeFrom}
          name={name}
          onSpan={show}
          onOpen={(id) => ask({ run: id }, false)}
          tip={(bar) => <Tip bar={bar} now={now} />}
        />
        {!found.loading && !found.error && found.bars.length === 0 && <Hint text={t("timeline.none")} />}
        <Legend />
      </section>
      {open && <RunPanel key={open} id={open} onClose={() => ask({ run: "" })} />}
    </div>
  );
}

const iso = (at: number) => new Date(at).toISOString();

/** Lanes of plans are named with their namespace where there is more than one. */
function shortName(key: string, namespace: string): string {
  return namespace || store.spaces.size < 2 ? key.slice(key.indexOf("/") + 1) : key;
}

function Filters({ wanted }: { wanted: Wanted }) {
  return (
    <form class="filters" role="search" aria-label={t("filter.label")} onSubmit={(event) => event.preventDefault()}>
      <Search name="q" label={t("runs.search")} value={wanted.text} />
      <label class="choice">
        {t("timeline.by")}
        <select value={wanted.by} onChange={(event) => ask({ by: event.currentTarget.value === "node" ? "node" : "" })}>
          <option value="plan">{t("filter.plan")}</option>
          <option value="node">{t("runs.node")}</option>
        </select>
      </label>
      <Choice name="status" label={t("filter.status")} value={wanted.status} words={STATUSES} say={status} />
      <Choice name="namespace" label={t("filter.namespace")} value={wanted.namespace} words={[...store.spaces.keys()].sort()} />
      {(["plan_id", "node_id"] as const).map(
        (name) =>
          wanted[name] && (
            <button key={name} type="button" class="chip" onClick={() => ask({ [name.slice(0, -3)]: "" })}>
              {name === "node_id" ? nodeName(wanted.node_id) : wanted.plan_id} ×
            </button>
          ),
      )}
    </form>
  );
}

function Moves({ span, follows, now, zone }: { span: Span; follows: boolean; now: number; zone: string }) {
  const length = Math.round(span.until - span.from);
  const listed = follows && LENGTHS.includes(length);
  return (
    <div class="moves" role="group" aria-label={t("timeline.moves")}>
      <button type="button" aria-label={t("timeline.earlier")} onClick={() => show(moved(span, -0.5))}>
        ←
      </button>
      <button type="button" aria-label={t("timeline.later")} onClick={() => show(moved(span, 0.5))}>
        →
      </button>
      <button type="button" aria-label={t("timeline.nearer")} onClick={() => show(zoomed(span, 0.5, 0.5))}>
        +
      </button>
      <button type="button" aria-label={t("timeline.farther")} onClick={() => show(zoomed(span, 2, 0.5))}>
        −
      </button>
      <label class="choice">
        {t("timeline.length")}
        <select
          value={listed ? String(length) : ""}
          onChange={(event) => ask({ from: "", until: "", last: event.currentTarget.value })}
        >
          {!listed && <option value="">{spanText(length)}</option>}
          {LENGTHS.map((one) => (
            <option key={one} value={String(one)}>
              {t("timeline.last", { time: whole(one) })}
            </option>
          ))}
        </select>
      </label>
      {!follows && (
        <button type="button" class="chip" onClick={() => ask({ from: "", until: "", last: String(length) })}>
          {t("timeline.follow")}
        </button>
      )}
      <span class="soft">
        <When time={iso(span.from)} zone={zone} /> – <When time={iso(follows ? now : span.until)} zone={zone} />
      </span>
    </div>
  );
}

/** `1 h`, not `1 h 00 m`. */
function whole(length: number): string {
  return spanText(length).replace(/ 00? [a-z]$/, "");
}

function Tip({ bar, now }: { bar: Bar; now: number }) {
  const late = lateness(bar, now);
  const time = (at: number | undefined) => (at === undefined ? undefined : iso(at));
  const took = bar.started === undefined ? undefined : (bar.finished ?? now) - bar.started;
  return (
    <>
      <b>{bar.plan}</b>
      <span>
        <StatusDot status={bar.status} /> {status(bar.status)} {term(bar.reason)}
      </span>
      <span>
        {t("run.due")} <When time={time(bar.due)} zone={bar.zone || viewerZone} />
      </span>
      {late >= 1000 && <span>{t("timeline.late", { time: spanText(late) })}</span>}
      {took !== undefined && <span>{t("timeline.took", { time: spanText(took) })}</span>}
      {bar.node && <span class="soft">{nodeName(bar.node)}</span>}
    </>
  );
}

function Legend() {
  const signs = [
    ["waits", t("timeline.waits")],
    ...["running", "complete", "failed"].map((word) => [`is-${word}`, status(word)]),
    ["other", status("cancelled")],
  ];
  return (
    <p class="legend soft">
      {signs.map(([sign, said]) => (
        <span key={sign}>
          <i class={`swatch ${sign}`} aria-hidden="true" /> {said}
        </span>
      ))}
      <span>{t("timeline.overlap")}</span>
    </p>
  );
}
