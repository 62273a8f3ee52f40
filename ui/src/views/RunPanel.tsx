/** One run: what happened when, why, with what, and its output. Beside the map, or as a page. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { get, post, Refused, segment } from "../api/client";
import type { Explanation, Job } from "../api/types";
import { store } from "../live";
import { Ask } from "../parts/Ask";
import { Findings } from "../parts/Findings";
import { StatusDot } from "../parts/StatusDot";
import { useReading } from "../parts/use";
import { When } from "../parts/When";
import { go, to } from "../route";
import { status, t, term } from "../text";
import { between, span } from "../time";
import { ENDED } from "./ended";
import { Output } from "./RunOutput";
import { RunTrace } from "./RunTrace";
import "../styles/runs.css";

export function RunPage({ id }: { id: string }) {
  return (
    <div class="page-run">
      <RunPanel id={id} />
    </div>
  );
}

export function RunPanel({ id, onClose }: { id: string; onClose?: () => void }) {
  const [changes, setChanges] = useState(0);
  useEffect(() => store.watch("job", "", id, () => setChanges((count) => count + 1)), [id]);
  const { value, error } = useReading((signal) => get<Explanation>(`jobs/${segment(id)}/explain`, {}, signal), [id, changes]);
  const gone = error instanceof Refused && error.status === 404;
  const job = gone ? undefined : value?.job;
  return (
    <aside class="panel" aria-label={t("run.title")} data-run={id}>
      <header>
        <h1>
          {job ? (
            <>
              <StatusDot status={job.status ?? ""} /> {job.plan_id}
            </>
          ) : (
            t("run.title")
          )}
        </h1>
        {onClose && (
          <button type="button" onClick={onClose} aria-label={t("run.close")}>
            ×
          </button>
        )}
      </header>
      <div class="ids">
        <code class="id">{id}</code>
        {onClose && <a href={to.run(id)}>{t("run.open")}</a>}
      </div>
      {error && <p class="fault">{gone ? t("run.gone") : error.message}</p>}
      {job && value && <Body job={job} why={value} changes={changes} />}
    </aside>
  );
}

function Body({ job, why, changes }: { job: Job; why: Explanation; changes: number }) {
  return (
    <>
      <Actions job={job} />
      <div class="run">
        <div>
          <States job={job} />
          <h2>{t("run.why")}</h2>
          <Findings data={why.data ?? []} zone={job.time_zone} />
          <Output job={job} />
          <RunTrace job={job} changes={changes} />
        </div>
        <Facts job={job} />
      </div>
    </>
  );
}

function Actions({ job }: { job: Job }) {
  const id = job.id ?? "";
  const plan = job.plan_id ?? "";
  const again = async (_form: FormData, once: string) => {
    const made = await post<{ data?: Job }>(`jobs/${segment(id)}/rerun`, { created_by: "ui", idempotency_key: once });
    if (made.data?.id) go(to.run(made.data.id));
  };
  return (
    <p class="buttons">
      {ENDED.has(job.status ?? "") ? (
        <Ask key="rerun" button={t("run.rerun")} title={t("run.rerun.ask")} does={t("run.rerun.does", { plan })} act={again} />
      ) : (
        <Ask
          key="cancel"
          danger
          button={t("run.cancel")}
          title={t("run.cancel.ask")}
          does={t("run.cancel.does", { id, plan })}
          act={async () => {
            await post(`jobs/${segment(id)}/cancel`, {});
          }}
        />
      )}
    </p>
  );
}

function States({ job }: { job: Job }) {
  const points = [
    { name: t("run.due"), time: job.scheduled_time },
    { name: t("run.created"), time: job.create_time },
    { name: t("run.started"), time: job.started_at },
    { name: `${t("run.finished")}: ${status(job.status ?? "")}`, time: job.finished_at },
  ].filter((point) => point.time);
  return (
    <>
      <h2>{t("run.states")}</h2>
      <ol class="states">
        {points.map((point, at) => {
          const after = between(points[at - 1]?.time, point.time);
          return (
            <li key={point.name}>
              <span>{point.name}</span> <When time={point.time} zone={job.time_zone} />
              {after !== undefined && <small class="soft">{t("run.after", { time: span(after) })}</small>}
            </li>
          );
        })}
      </ol>
    </>
  );
}

function Facts({ job }: { job: Job }) {
  return (
    <dl class="facts">
      <Fact name={t("run.status")}>{job.status && status(job.status)}</Fact>
      <Fact name={t("run.reason")}>{term(job.reason)}</Fact>
      <Fact name={t("run.info")}>{job.info}</Fact>
      <Fact name={t("run.plan")}>
        {job.plan_id && <a href={to.plan(job.namespace ?? "", job.plan_id)}>{job.plan_id}</a>}
      </Fact>
      <Fact name={t("run.namespace")}>{job.namespace}</Fact>
      <Fact name={t("run.executor")}>{job.executor}</Fact>
      <Fact name={t("run.trigger")}>{[term(job.trigger), job.created_by].filter(Boolean).join(" · ")}</Fact>
      <Fact name={t("run.attempt")}>{job.attempt ? String(job.attempt) : ""}</Fact>
      <Fact name={t("run.node")}>{job.node_id && (store.nodes.get(job.node_id)?.name ?? job.node_id)}</Fact>
      <Fact name={t("run.exit")}>{job.exit_code === undefined ? "" : String(job.exit_code)}</Fact>
      <Fact name={t("run.parameters")}>{job.parameters && <pre>{job.parameters}</pre>}</Fact>
      <Fact name={t("run.result")}>{job.result && <pre>{job.result}</pre>}</Fact>
    </dl>
  );
}

function Fact({ name, children }: { name: string; children?: ComponentChildren }) {
  if (!children) return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
