/** One run: what happened when, why, with what, and its output. Beside the map, or as a page. */
import { useEffect, useRef, useState } from "preact/hooks";
import { get, post, Refused, segment } from "../api/client";
import type { Explanation, Job } from "../api/types";
import { store } from "../live";
import { nodeName } from "../live/names";
import { Ask } from "../parts/Ask";
import { Fact } from "../parts/Fact";
import { Findings } from "../parts/Findings";
import { StatusDot } from "../parts/StatusDot";
import { useReading } from "../parts/use";
import { ask, go, to } from "../route";
import { status, t, term } from "../text";
import { ENDED } from "./ended";
import { Output } from "./RunOutput";
import { RunStates } from "./RunStates";
import { RunTrace, useTrace } from "./RunTrace";
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
  const panel = useFocus(onClose !== undefined);
  const onKey = (event: KeyboardEvent) => {
    const within = event.target instanceof Element && event.target.closest("dialog, input, select, textarea");
    if (event.key === "Escape" && !within) onClose?.();
  };
  return (
    <aside class="panel" aria-label={t("run.title")} data-run={id} ref={panel} tabIndex={-1} onKeyDown={onKey}>
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
      {!job && !error && <p class="soft">{t("list.loading")}</p>}
      {gone && !onClose && <a href={to.runs()}>{t("runs.all")}</a>}
      {job && value && <Body job={job} why={value} changes={changes} beside={onClose !== undefined} />}
    </aside>
  );
}

/** What opens beside something else has the focus, unless nothing had it, and gives it back when it closes. */
function useFocus(wanted: boolean) {
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    if (!wanted || !(before instanceof HTMLElement) || before === document.body) return;
    const own = panel.current;
    own?.focus({ preventScroll: true });
    return () => {
      const now = document.activeElement;
      if (!now || now === document.body || own?.contains(now)) before.focus({ preventScroll: true });
    };
  }, []);
  return panel;
}

interface BodyProps {
  job: Job;
  why: Explanation;
  changes: number;
  beside: boolean;
}

function Body({ job, why, changes, beside }: BodyProps) {
  const trace = useTrace(job.id ?? "", changes);
  return (
    <>
      <Actions job={job} beside={beside} />
      <div class="run">
        <div>
          <RunStates job={job} trace={trace.value} />
          <h2>{t("run.why")}</h2>
          <Findings data={why.data ?? []} zone={job.time_zone} />
          <Output job={job} />
          <RunTrace job={job} {...trace} />
        </div>
        <Facts job={job} />
      </div>
    </>
  );
}

function Actions({ job, beside }: { job: Job; beside: boolean }) {
  const id = job.id ?? "";
  const plan = job.plan_id ?? "";
  const again = async (form: FormData, once: string) => {
    const parameters = String(form.get("parameters") ?? "").trim();
    const others = parameters && parameters !== job.parameters?.trim() ? { parameters } : {};
    const made = (await post<{ data?: Job }>(`jobs/${segment(id)}/rerun`, { created_by: "ui", idempotency_key: once, ...others })).data?.id;
    if (made) beside ? ask({ run: made }, false) : go(to.run(made));
  };
  return (
    <p class="buttons">
      {ENDED.has(job.status ?? "") ? (
        <Ask key="rerun" button={t("run.rerun")} title={t("run.rerun.ask")} does={t("run.rerun.does", { plan })} act={again}>
          <label class="field">
            {t("run.rerun.parameters")}
            <textarea name="parameters" rows={4} spellcheck={false} translate={false} defaultValue={job.parameters ?? ""} placeholder="{}" />
          </label>
        </Ask>
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
      <Fact name={t("run.repeats")}>{job.rerun_of && <a href={to.run(job.rerun_of)}>{job.rerun_of}</a>}</Fact>
      <Fact name={t("run.attempt")}>{job.attempt ? String(job.attempt) : ""}</Fact>
      <Fact name={t("run.node")}>{job.node_id && <a href={to.node(job.node_id)}>{nodeName(job.node_id)}</a>}</Fact>
      <Fact name={t("run.exit")}>{job.exit_code === undefined ? "" : String(job.exit_code)}</Fact>
      <Fact name={t("run.parameters")}>{job.parameters && <pre>{job.parameters}</pre>}</Fact>
      <Fact name={t("run.result")}>{job.result && <pre>{job.result}</pre>}</Fact>
    </dl>
  );
}
