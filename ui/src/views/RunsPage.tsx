/** All runs, live and finished, newest first: the server filters, the page reads on as one scrolls. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { get } from "../api/client";
import type { Job, JobList } from "../api/types";
import { store } from "../live";
import { fitter } from "../live/fits";
import { nodeName } from "../live/names";
import { FAILED, type Run } from "../live/store";
import { useFound } from "../parts/found";
import { type List, useList } from "../parts/list";
import { Rows } from "../parts/Rows";
import { Search } from "../parts/Search";
import { StatusDot } from "../parts/StatusDot";
import { useReading } from "../parts/use";
import { When } from "../parts/When";
import { ask, go, query, to } from "../route";
import { viewerZone } from "../settings";
import { number, status, t, term } from "../text";
import { between, localTime, span } from "../time";
import { Choice, Hint, TRIGGERS } from "./MapPage";
import "../styles/runs.css";

const BAD = [...FAILED].join(",");
const STATUSES = ["pending", "running", "complete", "failed", "expired", BAD, "cancelled", "skipped", "unknown"];

const REASONS = [
  "exit_nonzero", "signaled", "timeout", "http_status", "request_failed", "rejected", "bad_parameters", "executor_missing", "executor_error",
  "node_lost", "node_drained", "poison", "no_slot", "overlap", "delivery_limit", "cancelled", "reported", "no_node", "retry_wait", "catch_up_rate",
];

/** What the address asks for, as the server is asked for it. */
function wantedOf(address: URLSearchParams) {
  const get = (name: string) => address.get(name) ?? "";
  return {
    text: get("q"),
    plan_id: get("plan"),
    namespace: get("namespace"),
    status: get("status"),
    node_id: get("node"),
    reason: get("reason"),
    trigger: get("trigger"),
    start_time: get("from"),
    end_time: get("until"),
  };
}
type Wanted = ReturnType<typeof wantedOf>;

export function RunsPage() {
  const wanted = wantedOf(query.value);
  const list = useList<Job>("jobs", wanted);
  store.version.value;
  const newer = useNewer(wanted, list);
  const filtered = Object.values(wanted).some(Boolean);
  return (
    <section class="list">
      <h1>{t("runs.title")}</h1>
      <Filters wanted={wanted} filtered={filtered} />
      <p class="line">
        <Total wanted={wanted} reads={list.reads} />
        <span role="status">
          {newer > 0 && (
            <button type="button" class="chip" onClick={list.again}>
              {t("runs.newer", { n: number(newer) })}
            </button>
          )}
        </span>
      </p>
      <ListState list={list} none={<Hint text={filtered ? `${t("runs.none")} ${t("runs.none.next")}` : t("runs.empty")} />} />
      {list.items.length > 0 && (
        <Rows
          items={list.items}
          label={t("runs.title")}
          heads={[t("run.plan"), t("run.status"), t("runs.due"), t("runs.late"), t("runs.took"), t("runs.node"), t("runs.trigger"), t("run.namespace")]}
          keyOf={(job) => job.id ?? ""}
          row={(job) => [...cells(job).slice(0, -1), nodeName(job.node_id ?? ""), term(job.trigger), job.namespace]}
          more={list.more}
        />
      )}
    </section>
  );
}

function Filters({ wanted, filtered }: { wanted: Wanted; filtered: boolean }) {
  const nodes = [...store.nodes.keys()].sort();
  return (
    <form class="filters" role="search" aria-label={t("filter.label")} onSubmit={(event) => event.preventDefault()}>
      <Search name="q" label={t("runs.search")} value={wanted.text} />
      {wanted.plan_id && (
        <button type="button" class="chip" onClick={() => ask({ plan: "" })}>
          {t("filter.plan")}: {wanted.plan_id} ×
        </button>
      )}
      <Choice name="status" label={t("filter.status")} value={wanted.status} words={STATUSES} say={statuses} />
      <Choice name="reason" label={t("runs.reason")} value={wanted.reason} words={REASONS} say={term} />
      <Choice name="trigger" label={t("runs.trigger")} value={wanted.trigger} words={TRIGGERS} say={term} />
      <Choice name="node" label={t("runs.node")} value={wanted.node_id} words={nodes} say={nodeName} />
      <Choice name="namespace" label={t("filter.namespace")} value={wanted.namespace} words={[...store.spaces.keys()].sort()} />
      <fieldset class="range">
        <label>
          {t("runs.from")} <Time name="from" value={wanted.start_time} />
        </label>
        <label>
          {t("runs.until")} <Time name="until" value={wanted.end_time} />
        </label>
        <small>{t("runs.clock", { zone: viewerZone })}</small>
        {LATELY.map(([key, back]) => (
          <button key={key} type="button" onClick={() => ask({ from: new Date(Date.now() - back).toISOString(), until: "" })}>
            {t(key)}
          </button>
        ))}
      </fieldset>
      {filtered && (
        <button type="button" onClick={() => go(to.runs())}>
          {t("filter.clear")}
        </button>
      )}
    </form>
  );
}

function statuses(words: string): string {
  return words.split(",").map(status).join(" / ");
}

const HOUR = 3_600_000;
const LATELY = [
  ["runs.hour", HOUR],
  ["runs.day", 24 * HOUR],
] as const;

/** A time of the viewer's clock; the address holds it in UTC. */
function Time({ name, value }: { name: string; value: string }) {
  const change = (text: string) => {
    const at = Date.parse(text); // without an offset: the viewer's clock
    ask({ [name]: text && !Number.isNaN(at) ? new Date(at).toISOString() : "" });
  };
  return <input type="datetime-local" step="1" value={localTime(value)} onChange={(event) => change(event.currentTarget.value)} />;
}

/** How many there are in all; counted by the server, which knows it sooner or later than the list. */
function Total({ wanted, reads }: { wanted: Wanted; reads: number }) {
  const { value } = useReading((signal) => get<JobList>("jobs", { ...wanted, pageNumber: 1, pageSize: 1 }, signal), [JSON.stringify(wanted), reads]);
  return (
    <output class="found" data-total={value?.totalElements ?? (value ? 0 : "")}>
      {value && t("runs.total", { n: number(value.totalElements ?? 0) })}
    </output>
  );
}

export function cells(told: Job) {
  const job = { ...told, ...newest(told.id ?? "") };
  const late = Number(job.lateness_ms ?? 0);
  return [
    <a href={to.run(job.id ?? "")} title={job.plan_id}>
      {job.plan_id}
    </a>,
    <>
      <StatusDot status={job.status ?? ""} /> {status(job.status ?? "")} <small class="soft">{term(job.reason)}</small>
    </>,
    <When time={job.scheduled_time} zone={job.time_zone} />,
    late ? span(late) : "",
    span(between(job.started_at, job.finished_at)),
    job.namespace,
  ];
}

/** What has changed of a run since the list was read. */
function newest(id: string): Partial<Job> {
  const run = store.runs.get(id) ?? store.ended.find((one) => one.id === id);
  if (run === undefined) return {};
  return {
    status: run.status as NonNullable<Job["status"]>,
    reason: run.reason,
    ...(run.started && { started_at: run.started }),
    ...(run.finished && { finished_at: run.finished }),
  };
}

/** How many runs that the filter means have come since the list was read: those newer than its first, of an empty list all. */
function useNewer(wanted: Wanted, list: List<Job>): number {
  const { loading, error, items } = list;
  const [time, setTime] = useState<number>();
  const first = items[0]?.create_time;
  useEffect(() => {
    if (!loading) setTime(first ? Date.parse(first) : 0);
  }, [loading, first]);
  const comes = newer(wanted, time ?? Infinity);
  const found = useFound(comes, JSON.stringify([wanted, time]));
  if (loading || error || time === undefined) return 0;
  return (found?.size ?? 0) + store.ended.filter(comes).length;
}

function newer(wanted: Wanted, time: number): (run: Run) => boolean {
  const fits = fitter(wanted);
  const since = Math.max(time, wanted.start_time ? Date.parse(wanted.start_time) : -Infinity);
  const until = wanted.end_time ? Date.parse(wanted.end_time) : Infinity;
  return (run) => {
    const created = Date.parse(run.created);
    return created > since && created <= until && (!wanted.reason || run.reason === wanted.reason) && (!wanted.trigger || run.trigger === wanted.trigger) && fits(run);
  };
}

interface State {
  list: { items: readonly unknown[]; loading: boolean; error: string; again: () => void };
  none: ComponentChildren;
}

export function ListState({ list, none }: State) {
  if (list.error)
    return (
      <p class="fault" role="alert">
        {t("list.failed", { reason: list.error })}{" "}
        <button type="button" onClick={list.again}>
          {t("list.again")}
        </button>
      </p>
    );
  if (list.items.length > 0) return null;
  return list.loading ? <p class="soft">{t("list.loading")}</p> : <>{none}</>;
}
