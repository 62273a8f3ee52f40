/** What ended lately, and what of it went wrong: what was before the page was opened, and what the stream has told since. */
import "../styles/map.css";
import { useMemo } from "preact/hooks";
import { get } from "../api/client";
import type { JobList } from "../api/types";
import { store } from "../live";
import { brief, FAILED, type Run } from "../live/store";
import { StatusDot } from "../parts/StatusDot";
import { useClock, useReading } from "../parts/use";
import { When } from "../parts/When";
import { ask, plainClick, to } from "../route";
import { number, status, t, term } from "../text";
import { between, span } from "../time";
import { ENDED } from "./ended";

const SHOWN = 8;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const BAD = [...FAILED].join(",");

export function Lately({ namespace }: { namespace: string }) {
  store.version.value;
  const day = new Date(useClock(HOUR) - DAY).toISOString(); // a page may stay open for weeks
  const failed = useEnds({ namespace, status: BAD, start_time: day }, store.failed);
  const ended = useEnds({ namespace, status: [...ENDED].join(",") }, store.ended);
  const before = useMemo(() => failures(namespace), [failed.value, namespace]);
  const count = Number(failed.value?.totalElements ?? 0) + failures(namespace) - before;
  return (
    <div class="lately">
      <section aria-labelledby="lately-failed" data-lately="failed">
        <header class="line">
          <h2 id="lately-failed">{t("map.failed")}</h2>
          {count > 0 && <a href={to.runs({ namespace, status: BAD, from: day })}>{t("map.failed.all", { n: number(count) })}</a>}
        </header>
        <Ends ends={failed} none={t("map.failed.none")} />
      </section>
      <section aria-labelledby="lately-ended" data-lately="ended">
        <header class="line">
          <h2 id="lately-ended">{t("map.ended")}</h2>
          <a href={to.runs({ namespace })}>{t("map.ended.all")}</a>
        </header>
        <Ends ends={ended} none={t("map.ended.none")} />
      </section>
    </div>
  );
}

/** How many the stream has told of since the page was opened. */
function failures(namespace: string): number {
  if (namespace) return store.failures.get(namespace) ?? 0;
  return [...store.failures.values()].reduce((sum, count) => sum + count, 0);
}

interface EndsRead {
  readonly value: JobList | undefined;
  /** The newest of those that the server knew and those that have ended since. */
  readonly runs: readonly Run[];
  readonly error: Error | undefined;
}

function useEnds(wanted: Readonly<Record<string, string>>, since: readonly Run[]): EndsRead {
  const { namespace, start_time } = wanted;
  const first = start_time ? Date.parse(start_time) : 0;
  const page = { pageNumber: 1, pageSize: SHOWN };
  const { value, error } = useReading((signal) => get<JobList>("jobs", { ...wanted, ...page }, signal), [JSON.stringify(wanted)]);
  const before = useMemo(() => (value?.data ?? []).map(brief), [value]);
  const meant = [...before, ...since].filter((run) => (!namespace || run.namespace === namespace) && Date.parse(run.created) >= first);
  const known = new Map(meant.map((run) => [run.id, run]));
  const runs = [...known.values()].sort((one, other) => Date.parse(other.finished) - Date.parse(one.finished)).slice(0, SHOWN);
  return { value, runs, error };
}

function Ends({ ends: { value, runs, error }, none }: { ends: EndsRead; none: string }) {
  if (error && runs.length === 0) return <p class="fault">{error.message}</p>;
  if (runs.length === 0) return value ? <p class="soft">{none}</p> : null;
  return (
    <ul class="ended">
      {runs.map((run) => (
        <li key={run.id}>
          <a href={to.run(run.id)} onClick={beside(run.id)}>
            <StatusDot status={run.status} />
            <b>{run.plan}</b>{" "}
            <span class="soft">
              {status(run.status)} {term(run.reason)}
            </span>
            <span class="soft took">{span(between(run.started, run.finished))}</span>
            <When time={run.finished} zone={run.zone} />
          </a>
        </li>
      ))}
    </ul>
  );
}

/** A plain click opens it beside the map, with the filters as they are; any other is the link's. */
function beside(id: string): (event: MouseEvent) => void {
  return (event) => {
    if (!plainClick(event)) return;
    event.preventDefault();
    ask({ run: id }, false);
  };
}
