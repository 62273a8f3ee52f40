/** The next 24 hours under the map: how much is to start in each minute, by the schedules, and which minutes are herds. */
import "../styles/strip.css";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { get } from "../api/client";
import type { Upcoming } from "../api/types";
import { store } from "../live";
import { bars, MINUTE, moved, quarters, toCome } from "../map/strip";
import { useClock, useReading, useSize } from "../parts/use";
import { When } from "../parts/When";
import { ask, query, to } from "../route";
import { dark, viewerZone } from "../settings";
import { number, t } from "../text";
import { inZone, offsetIn } from "../time";

const HEIGHT = 64;
const SETTLED = 2_000;
/** The server counts piece by piece, and says how far it is. */
const COUNTING = 250;

export function Strip({ namespace }: { namespace: string }) {
  const round = useRound();
  const { value, error } = useReading((signal) => get<Upcoming>("upcoming", { namespace }, signal), [namespace, round.value]);
  useEffect(() => {
    if (!value || value.complete) return;
    const timer = setTimeout(round.more, COUNTING);
    return () => clearTimeout(timer);
  }, [value]);
  const now = useClock(MINUTE);
  const read = useMemo(() => Date.now(), [value]);
  const { begin, counts, herds } = useMemo(
    () =>
      toCome(
        { begin: value?.from ? Date.parse(value.from) : 0, counts: (value?.counts ?? []).map(Number), herds: value?.herds ?? [] },
        read,
        Math.max(now, read),
      ),
    [value, now],
  );
  const counting = value && !value.complete ? t("strip.counting", { n: number(value.counted ?? 0), total: number(value.plans ?? 0) }) : "";
  const marked = useMemo(() => new Set(herds), [herds]);
  const chosen = Date.parse(query.value.get("minute") ?? "");
  const there = chosen % MINUTE === 0 && chosen >= begin && chosen < begin + counts.length * MINUTE;
  const choose = (minute: number) => ask({ minute: new Date(minute).toISOString() }, there);
  const most = useMemo(() => counts.reduce((largest, count) => Math.max(largest, count), 0), [counts]);
  return (
    <section class="upcoming" aria-labelledby="strip-title">
      <header class="line">
        <h2 id="strip-title">{t("strip.title")}</h2>
        {value?.complete && <span class="soft">{total(counts)}</span>}
        {value?.complete && most > 0 && <span class="soft">{t("strip.most", { n: number(most) })}</span>}
        <span class="soft">{t("strip.clock", { zone: viewerZone, offset: inZone(new Date(begin || now).toISOString(), viewerZone).slice(20) })}</span>
        <span class={counting ? "partial" : "soft"} role="status">
          {counting}
        </span>
        {herds.length > 0 && (
          <mark data-herds={herds.length} title={t("strip.herd.rule", { n: number(Number(value?.herd_above ?? 0)) })}>
            {t("strip.herds", { n: number(herds.length) })}
          </mark>
        )}
        {herds.slice(0, 3).map((place) => (
          <button type="button" key={place} class="chip" onClick={() => choose(begin + place * MINUTE)}>
            <When time={new Date(begin + place * MINUTE).toISOString()} zone={viewerZone} />: {number(counts[place] ?? 0)}
          </button>
        ))}
      </header>
      {error && <p class="fault">{error.message}</p>}
      <Bars begin={begin} counts={counts} herds={marked} counting={counting} choose={choose} />
      {there && <Due namespace={namespace} minute={chosen} round={round.value} close={() => ask({ minute: "" })} />}
    </section>
  );
}

function total(counts: readonly number[]): string {
  return t("strip.total", { n: number(counts.reduce((sum, count) => sum + count, 0)) });
}

/** Grows soon after schedules have changed, when the hour is over, and when it is asked to. */
function useRound() {
  const [value, setValue] = useState(0);
  const schedules = store.schedules.value;
  const first = useRef(schedules);
  const more = () => setValue((count) => count + 1);
  const coming = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    if (schedules === first.current) return;
    coming.current ??= setTimeout(() => {
      coming.current = undefined;
      more();
    }, SETTLED);
  }, [schedules]);
  useEffect(() => () => clearTimeout(coming.current), []);
  useEffect(() => {
    const timer = setTimeout(more, 60 * MINUTE);
    return () => clearTimeout(timer);
  }, [value]);
  return { value, more };
}

interface BarsProps {
  begin: number;
  counts: readonly number[];
  herds: ReadonlySet<number>;
  /** What says that not all is counted yet. */
  counting: string;
  choose: (minute: number) => void;
}

function Bars({ begin, counts, herds, counting, choose }: BarsProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [pointed, point] = useState<number>();
  const cursor = pointed === undefined || pointed < begin ? undefined : (pointed - begin) / MINUTE;
  const setCursor = (place: number | undefined) => point(place === undefined ? undefined : begin + place * MINUTE);
  const light = dark.value;
  useSize(canvas, (element) => setWidth(element.clientWidth));
  useLayoutEffect(() => {
    if (canvas.current && width) paint(canvas.current, width, counts, herds);
  }, [width, counts, herds, light]);
  const size = counts.length;
  const under = (event: MouseEvent) => Math.max(0, Math.min(size - 1, Math.floor((event.offsetX / width) * size)));
  const pick = (at: number | undefined) => {
    if (at !== undefined && size > 0) choose(begin + at * MINUTE);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Enter" || event.key === " ") pick(cursor ?? 0);
    else if (event.key === "Escape") setCursor(undefined);
    else {
      const next = moved(cursor, event.key, size, herds);
      if (next === undefined) return;
      setCursor(next);
    }
    event.preventDefault();
  };
  return (
    <div
      class={counting ? "bars counting" : "bars"}
      role="application"
      tabIndex={0}
      aria-label={`${t("strip.title")}: ${total(counts)} ${t("strip.herds", { n: number(herds.size) })}`}
      aria-description={t("strip.hint")}
      onKeyDown={onKey}
      onBlur={() => setCursor(undefined)}
    >
      <canvas
        ref={canvas}
        aria-hidden="true"
        onMouseMove={(event) => size > 0 && setCursor(under(event))}
        onMouseLeave={() => setCursor(undefined)}
        onClick={(event) => pick(under(event))}
      />
      <Hours begin={begin} size={size} />
      {cursor !== undefined && cursor < size && <Tip begin={begin} at={cursor} size={size} count={counts[cursor] ?? 0} herd={herds.has(cursor)} counting={counting} />}
    </div>
  );
}

function Hours({ begin, size }: { begin: number; size: number }) {
  const marks = useMemo(() => quarters(begin, size, (at) => offsetIn(viewerZone, at)), [begin, size]);
  return (
    <div class="hours" aria-hidden="true">
      {marks.map((at) => (
        <span key={at} style={{ left: `${(at / size) * 100}%` }}>
          {inZone(new Date(begin + at * MINUTE).toISOString(), viewerZone).slice(11, 16)}
        </span>
      ))}
    </div>
  );
}

interface TipProps {
  begin: number;
  at: number;
  size: number;
  count: number;
  herd: boolean;
  counting: string;
}

function Tip({ begin, at, size, count, herd, counting }: TipProps) {
  const side = at > size / 2 ? { right: `${(1 - at / size) * 100}%` } : { left: `${(at / size) * 100}%` };
  return (
    <>
      <i class="at" style={{ left: `${((at + 0.5) / size) * 100}%` }} />
      <div class="tip" role="status" style={side}>
        <When time={new Date(begin + at * MINUTE).toISOString()} zone={viewerZone} />
        <b>{t("strip.starts", { n: number(count) })}</b>
        {herd && <span class="fault">{t("strip.herd")}</span>}
        {counting && <span class="soft">{counting}</span>}
      </div>
    </>
  );
}

/** `round`: it is read anew with the strip. */
function Due({ namespace, minute, round, close }: { namespace: string; minute: number; round: number; close: () => void }) {
  const time = new Date(minute).toISOString();
  const [again, setAgain] = useState(0);
  const { value, error } = useReading(
    (signal) => get<Upcoming>("upcoming", { namespace, from: time, hours: 1, minute: time }, signal),
    [namespace, minute, round, again],
  );
  const due = value?.minute;
  useEffect(() => {
    if (!due || due.complete) return;
    const timer = setTimeout(() => setAgain((count) => count + 1), COUNTING);
    return () => clearTimeout(timer);
  }, [due]);
  const plans = due?.data ?? [];
  return (
    <div class="due" role="region" aria-label={t("strip.due")} aria-live="polite">
      <p class="line">
        <When time={time} zone={viewerZone} />
        {due && <b>{t("strip.of.plans", { n: number(Number(due.starts ?? 0)), plans: number(due.plans ?? 0) })}</b>}
        <button type="button" onClick={close}>
          {t("run.close")}
        </button>
      </p>
      {due && !due.complete && (
        <p class="fault">{t("strip.part", { n: number(value?.counted ?? 0), total: number(value?.plans ?? 0) })}</p>
      )}
      {!due && !error && <p class="soft">{t("list.loading")}</p>}
      {error && <p class="fault">{error.message}</p>}
      <ul>
        {plans.map((plan) => (
          <li key={`${plan.namespace}/${plan.id}`}>
            <a href={to.plan(plan.namespace ?? "", plan.id ?? "")}>{plan.id}</a> <span class="soft">{plan.namespace}</span>{" "}
            {t("strip.starts", { n: number(plan.starts ?? 0) })}
          </li>
        ))}
      </ul>
      {due && (due.plans ?? 0) > plans.length && <p class="soft">{t("strip.more", { n: number((due.plans ?? 0) - plans.length) })}</p>}
    </div>
  );
}

function paint(canvas: HTMLCanvasElement, width: number, counts: readonly number[], herds: ReadonlySet<number>): void {
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = HEIGHT * scale;
  const pen = canvas.getContext("2d");
  if (!pen) return;
  const colors = getComputedStyle(document.documentElement);
  const [usual, herd] = [colors.getPropertyValue("--cell-running"), colors.getPropertyValue("--bad")];
  pen.scale(scale, scale);
  bars(counts, herds, Math.floor(width)).forEach((bar, x) => {
    if (bar.part === 0) return;
    pen.fillStyle = bar.herd ? herd : usual;
    const tall = Math.max(2, Math.sqrt(bar.part) * (HEIGHT - 6)); // else a herd would leave nothing of the others to see
    pen.fillRect(x, HEIGHT - tall, 1, tall);
    if (bar.herd) pen.fillRect(x - 1, 0, 3, 3);
  });
}
