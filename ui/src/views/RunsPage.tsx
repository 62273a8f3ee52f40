/** All runs, live and finished, newest first: the server filters, the page reads on as one scrolls. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Job } from "../api/types";
import { store } from "../live";
import { useList } from "../parts/list";
import { Rows } from "../parts/Rows";
import { StatusDot } from "../parts/StatusDot";
import { When } from "../parts/When";
import { ask, query, to } from "../route";
import { number, status, t, term } from "../text";
import { between, span } from "../time";
import { Choice, Hint } from "./MapPage";

const STATUSES = ["pending", "running", "complete", "failed", "cancelled", "expired", "skipped", "unknown"];

export function RunsPage() {
  const get = (name: string) => query.value.get(name) ?? "";
  const wanted = { namespace: get("namespace"), plan_id: get("plan"), status: get("status") };
  const list = useList<Job>("jobs", wanted);
  const version = store.version.value;
  const newer = useNewer(wanted, list.items[0]?.id ?? "", list.loading);
  return (
    <section class="list">
      <h1>{t("runs.title")}</h1>
      <form class="filters" role="search" aria-label={t("filter.label")} onSubmit={(event) => event.preventDefault()}>
        <input
          type="search"
          aria-label={t("filter.plan")}
          placeholder={t("filter.plan")}
          value={wanted.plan_id}
          onChange={(event) => ask({ plan: event.currentTarget.value })}
        />
        <Choice name="status" label={t("filter.status")} value={wanted.status} words={STATUSES} say={status} />
        <Choice name="namespace" label={t("filter.namespace")} value={wanted.namespace} words={[...store.spaces.keys()].sort()} />
        {newer > 0 && (
          <button type="button" class="chip" onClick={list.again}>
            {t("runs.newer", { n: number(newer) })}
          </button>
        )}
      </form>
      <ListState list={list} none={<Hint text={`${t("runs.none")} ${t("runs.none.next")}`} />} />
      {list.items.length > 0 && (
        <Rows
          items={list.items}
          label={t("runs.title")}
          heads={[t("run.status"), t("run.plan"), t("run.due"), t("runs.late"), t("runs.took"), t("run.namespace")]}
          keyOf={(job) => job.id ?? ""}
          row={cells}
          version={version}
          more={list.more}
        />
      )}
    </section>
  );
}

export function cells(told: Job) {
  const job = { ...told, ...newest(told.id ?? "") };
  const late = Number(job.lateness_ms ?? 0);
  return [
    <>
      <StatusDot status={job.status ?? ""} /> {status(job.status ?? "")} <small class="soft">{term(job.reason)}</small>
    </>,
    <a href={to.run(job.id ?? "")}>{job.plan_id}</a>,
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

interface Wanted {
  namespace: string;
  plan_id: string;
  status: string;
}

/** How many runs that the filter means have come since the list was read. */
function useNewer(wanted: Wanted, first: string, loading: boolean): number {
  const [from, setFrom] = useState("");
  useEffect(() => {
    if (!loading) setFrom(first);
  }, [loading, first]);
  if (loading || !from) return 0;
  const time = store.runs.get(from)?.created ?? store.ended.find((run) => run.id === from)?.created;
  if (time === undefined) return 0;
  const fits = (run: { namespace: string; plan: string; status: string; created: string; id: string }) =>
    run.created > time &&
    (!wanted.namespace || run.namespace === wanted.namespace) &&
    (!wanted.plan_id || run.plan === wanted.plan_id) &&
    (!wanted.status || run.status === wanted.status);
  let count = 0;
  for (const run of store.runs.values()) if (fits(run)) count++;
  return count + store.ended.filter(fits).length;
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
