/** How a run was placed: each time it was looked at and why, the node it was given, and how each attempt ended. */
import { get } from "../api/client";
import type { Allocation, Evaluation, Job } from "../api/types";
import { nodeName } from "../live/names";
import { StatusDot } from "../parts/StatusDot";
import { type Reading, useReading } from "../parts/use";
import { When } from "../parts/When";
import { to } from "../route";
import { status, t } from "../text";
import { isKey } from "../text/words";
import { between, span } from "../time";

export interface Trace {
  readonly evaluations: readonly Evaluation[];
  readonly attempts: readonly Allocation[];
}

/** `changes` grows whenever the run has changed. */
export function useTrace(id: string, changes: number): Reading<Trace> {
  return useReading((signal) => read(id, signal), [id, changes]);
}

export function RunTrace({ job, value, error }: { job: Job } & Reading<Trace>) {
  if (error) return <p class="fault">{error.message}</p>;
  if (!value || value.evaluations.length === 0) return null;
  return (
    <>
      <h2>{t("trace.title")}</h2>
      <ol class="trace">
        {value.evaluations.map((evaluation, at) => (
          <li key={evaluation.id}>
            <Looked evaluation={evaluation} number={at + 1} zone={job.time_zone} />
            {value.attempts
              .filter((attempt) => attempt.eval_id === evaluation.id)
              .map((attempt) => (
                <Attempt key={attempt.id} attempt={attempt} zone={job.time_zone} />
              ))}
          </li>
        ))}
      </ol>
    </>
  );
}

/** Both lists, the oldest first. */
async function read(id: string, signal: AbortSignal): Promise<Trace> {
  const wanted = { job_id: id, limit: 100 };
  const [evaluations, attempts] = await Promise.all([
    get<{ data?: readonly Evaluation[] }>("evals", wanted, signal),
    get<{ data?: readonly Allocation[] }>("allocations", wanted, signal),
  ]);
  return { evaluations: (evaluations.data ?? []).toReversed(), attempts: (attempts.data ?? []).toReversed() };
}

function Looked({ evaluation, number, zone }: { evaluation: Evaluation; number: number; zone: string | undefined }) {
  const took = between(evaluation.create_time, evaluation.update_time);
  const key = `trace.${evaluation.triggered_by}`;
  return (
    <div class="looked">
      <b>{t("trace.evaluation", { n: number })}</b> <When time={evaluation.create_time} zone={zone} />
      <span>
        {isKey(key) ? t(key) : evaluation.triggered_by} · {evalStatus(evaluation.status ?? "")}
        {took !== undefined && evaluation.status !== "pending" && <small class="soft"> {t("run.after", { time: span(took) })}</small>}
      </span>
      {evaluation.not_before && (
        <span class="soft">
          {t("trace.not.before")} <When time={evaluation.not_before} zone={zone} />
        </span>
      )}
      {evaluation.status_description && <span class="soft">{evaluation.status_description}</span>}
    </div>
  );
}

function evalStatus(word: string): string {
  const key = `trace.status.${word}`;
  return isKey(key) ? t(key) : word;
}

function Attempt({ attempt, zone }: { attempt: Allocation; zone: string | undefined }) {
  const node = attempt.node_id ?? "";
  const waited = between(attempt.create_time, attempt.started_at);
  const took = between(attempt.started_at, attempt.finished_at);
  return (
    <dl class="attempt" aria-label={t("trace.attempt", { n: attempt.attempt ?? 0 })}>
      <dt>
        <StatusDot status={attempt.client_status ?? ""} /> {t("trace.attempt", { n: attempt.attempt ?? 0 })}
      </dt>
      <dd>
        {status(attempt.client_status ?? "")}
        {attempt.exit_code !== undefined && ` · ${t("run.exit")} ${attempt.exit_code}`}
      </dd>
      <dt>{t("run.node")}</dt>
      <dd>{node && <a href={to.node(node)}>{nodeName(node)}</a>}</dd>
      <dt>{t("trace.placed")}</dt>
      <dd>
        <When time={attempt.create_time} zone={zone} />
      </dd>
      {attempt.started_at && (
        <>
          <dt>{t("run.started")}</dt>
          <dd>
            <When time={attempt.started_at} zone={zone} /> {waited !== undefined && <small class="soft">{t("run.after", { time: span(waited) })}</small>}
          </dd>
        </>
      )}
      {attempt.finished_at && (
        <>
          <dt>{t("run.finished")}</dt>
          <dd>
            <When time={attempt.finished_at} zone={zone} /> {took !== undefined && <small class="soft">{t("run.after", { time: span(took) })}</small>}
          </dd>
        </>
      )}
      {(attempt.client_description || attempt.desired_description) && (
        <>
          <dt>{t("run.info")}</dt>
          <dd>{attempt.client_description || attempt.desired_description}</dd>
        </>
      )}
    </dl>
  );
}
