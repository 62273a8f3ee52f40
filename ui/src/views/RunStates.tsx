/** What happened to a run: its states with the time between them, as a list and as a bar; of one that goes on up to now. */
import { useEffect, useState } from "preact/hooks";
import type { Job } from "../api/types";
import { nodeName } from "../live/names";
import { partsOf, type State, statesOf } from "../live/states";
import { When } from "../parts/When";
import { status, t } from "../text";
import { between, span } from "../time";
import { ENDED } from "./ended";
import type { Trace } from "./RunTrace";

const SECOND = 1000;

export function RunStates({ job, trace }: { job: Job; trace: Trace | undefined }) {
  const live = !ENDED.has(job.status ?? "");
  const now = new Date(useNow(live)).toISOString();
  const states = statesOf(job, trace?.attempts);
  const newest = states.at(-1);
  return (
    <>
      <h2>{t("run.states")}</h2>
      <div class="phases" aria-hidden="true">
        {partsOf(states, now).map((part, at) => (
          <i key={at} class={part.phase} style={{ flexGrow: String(part.milliseconds) }} title={`${t(`phase.of.${part.phase}`)} ${span(part.milliseconds)}`} />
        ))}
      </div>
      <ol class="states">
        {states.map((state, at) => (
          <One key={`${state.name} ${state.attempt?.attempt}`} state={state} job={job} after={between(states[at - 1]?.time, state.time)} />
        ))}
        {live && newest && (
          <li class="going">
            <span>{t(`phase.of.${newest.then}`)}</span> <span>{span(Math.max(0, between(newest.time, now) ?? 0))}</span>
          </li>
        )}
      </ol>
    </>
  );
}

function One({ state, job, after }: { state: State; job: Job; after: number | undefined }) {
  return (
    <li>
      <span>{said(state, job)}</span> <When time={state.time} zone={job.time_zone} />
      {after !== undefined && <small class="soft">{t("run.after", { time: span(after) })}</small>}
    </li>
  );
}

function said({ name, attempt }: State, job: Job): string {
  if (name === "placed") return t("run.placed", { node: nodeName(attempt?.node_id ?? "") });
  if (name === "tried") return t("run.tried", { n: attempt?.attempt ?? 0, status: status(attempt?.client_status ?? "") });
  return name === "finished" ? `${t("run.finished")}: ${status(job.status ?? "")}` : t(`run.${name}`);
}

/** The time, each second anew while `wanted`. */
function useNow(wanted: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!wanted) return;
    const timer = setInterval(() => setNow(Date.now()), SECOND);
    return () => clearInterval(timer);
  }, [wanted]);
  return now;
}
