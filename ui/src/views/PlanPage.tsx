/** One plan: what comes next, how it went, and the switches. */
import { useEffect, useState } from "preact/hooks";
import { get, post, Refused, segment } from "../api/client";
import type { Job, JobList, Plan, PlanExplanation, Preview } from "../api/types";
import { store } from "../live";
import { Ask } from "../parts/Ask";
import { Findings } from "../parts/Findings";
import { Rows } from "../parts/Rows";
import { useReading } from "../parts/use";
import { When } from "../parts/When";
import { go, to } from "../route";
import { t } from "../text";
import { PlanStatus } from "./PlansPage";
import { cells } from "./RunsPage";

interface Name {
  namespace: string;
  id: string;
}

export function PlanPage({ namespace, id }: Name) {
  const [changes, setChanges] = useState(0);
  useEffect(() => store.watch("plan", namespace, id, () => setChanges((count) => count + 1)), [namespace, id]);
  store.version.value;
  const path = `plans/${segment(id)}`;
  const plan = useReading((signal) => get<{ data?: Plan }>(path, { namespace }, signal), [path, namespace, changes]);
  const found = plan.value?.data;
  if (plan.error instanceof Refused && plan.error.status === 404) return <p class="fault">{t("plan.gone")}</p>;
  return (
    <section class="list">
      <h1>{id}</h1>
      {plan.error && <p class="fault">{plan.error.message}</p>}
      {found && (
        <>
          <p class="line">
            <PlanStatus plan={found} />
            <span class="soft">{namespace}</span>
            {found.periodic?.spec ? <code>{found.periodic.spec}</code> : <span>{t("plan.manual")}</span>}
            <span class="soft">{found.periodic?.time_zone}</span>
            <span class="soft">{found.executor}</span>
          </p>
          {found.description && <p>{found.description}</p>}
          <PausedNote plan={found} />
          <Switches plan={found} path={path} namespace={namespace} />
          {found.periodic?.spec && <Fires path={path} namespace={namespace} changes={changes} zone={found.periodic.time_zone ?? ""} />}
          <Why path={path} namespace={namespace} changes={changes} />
          <Recent namespace={namespace} id={id} changes={changes} />
        </>
      )}
    </section>
  );
}

function PausedNote({ plan }: { plan: Plan }) {
  if (!plan.paused) return null;
  return (
    <p class="hint">
      {t("plan.paused.by", { by: plan.paused.by ?? "", since: "" })}
      <When time={plan.paused.since} zone={plan.periodic?.time_zone} /> {plan.paused.note && <q>{plan.paused.note}</q>}
    </p>
  );
}

interface SwitchesProps {
  plan: Plan;
  path: string;
  namespace: string;
}

function Switches({ plan, path, namespace }: SwitchesProps) {
  const id = plan.id ?? "";
  const tell = (call: string) => async (form: FormData) => {
    const note = String(form.get("note") ?? "");
    await post(`${path}/${call}`, { namespace, ...(note && { note }) });
  };
  const run = async (form: FormData) => {
    const parameters = String(form.get("parameters") ?? "").trim();
    const made = await post<{ data?: Job }>(`${path}/run`, { namespace, created_by: "ui", ...(parameters && { parameters }) });
    if (made.data?.id) go(to.run(made.data.id));
  };
  const online = plan.status === "running";
  return (
    <p class="buttons">
      <Ask button={t("plan.run")} title={t("plan.run.ask", { id })} does={t("plan.run.does", { overlap: plan.overlap ?? "allow" })} act={run}>
        <label class="field">
          {t("plan.parameters")}
          <textarea name="parameters" rows={4} spellcheck={false} placeholder={plan.parameters ?? "{}"} />
        </label>
      </Ask>
      {plan.paused ? (
        <Ask button={t("plan.resume")} title={t("plan.resume.ask", { id })} does={t("plan.resume.does")} act={tell("resume")} />
      ) : (
        <Ask button={t("plan.pause")} title={t("plan.pause.ask", { id })} does={t("plan.pause.does")} act={tell("pause")}>
          <label class="field">
            {t("plan.note")}
            <input name="note" maxLength={512} />
          </label>
        </Ask>
      )}
      {online ? (
        <Ask danger button={t("plan.offline")} title={t("plan.offline.ask", { id })} does={t("plan.offline.does")} act={tell("offline")} />
      ) : (
        <Ask button={t("plan.online")} title={t("plan.online.ask", { id })} does={t("plan.online.does")} act={tell("online")} />
      )}
    </p>
  );
}

interface PartProps {
  path: string;
  namespace: string;
  changes: number;
}

function Fires({ path, namespace, changes, zone }: PartProps & { zone: string }) {
  const { value, error } = useReading((signal) => get<Preview>(`${path}/preview`, { namespace, n: 5 }, signal), [path, changes]);
  return (
    <>
      <h2>{t("plan.fires")}</h2>
      {error && <p class="soft">{error.message}</p>}
      {value && !value.data?.length && <p class="soft">{t("plan.fires.none")}</p>}
      <ul class="fires">
        {(value?.data ?? []).map((tick) => (
          <li key={tick.time}>
            <When time={tick.time} zone={tick.time_zone ?? zone} />{" "}
            {tick.dst && <mark>{t(tick.dst === "gap" ? "plan.dst.gap" : "plan.dst.overlap")}</mark>}
          </li>
        ))}
      </ul>
    </>
  );
}

function Why({ path, namespace, changes }: PartProps) {
  const { value } = useReading((signal) => get<PlanExplanation>(`${path}/explain`, { namespace }, signal), [path, changes]);
  return (
    <>
      <h2>{t("run.why")}</h2>
      <Findings data={value?.data ?? []} zone={value?.time_zone} />
    </>
  );
}

function Recent({ namespace, id, changes }: Name & { changes: number }) {
  const version = store.version.value;
  const { value } = useReading((signal) => get<JobList>("jobs", { namespace, plan_id: id, limit: 20 }, signal), [namespace, id, changes]);
  const jobs = value?.data ?? [];
  return (
    <>
      <h2>{t("plan.recent")}</h2>
      {jobs.length > 0 && (
        <Rows
          items={jobs}
          label={t("plan.recent")}
          heads={[t("run.status"), t("run.plan"), t("run.due"), t("runs.late"), t("runs.took"), t("run.namespace")]}
          keyOf={(job) => job.id ?? ""}
          row={cells}
          version={version}
        />
      )}
      <p>
        <a href={to.runs({ plan: id, namespace })}>{t("plan.all")}</a>
      </p>
    </>
  );
}
