/** What can be done with a plan: run, pause, switch, change, delete. Each asks first, and says what it will do. */
import { post, remove } from "../api/client";
import type { Job, Plan } from "../api/types";
import { Ask } from "../parts/Ask";
import { go, to } from "../route";
import { t } from "../text";

interface SwitchesProps {
  plan: Plan;
  path: string;
  namespace: string;
}

export function Switches({ plan, path, namespace }: SwitchesProps) {
  const id = plan.id ?? "";
  const tell = (call: string) => async (form: FormData) => {
    const note = String(form.get("note") ?? "");
    const hours = Number(form.get("hours") ?? 0);
    const until = hours > 0 ? new Date(Date.now() + hours * 3_600_000).toISOString() : "";
    const late = form.get("catch_up") !== null && { catch_up: true };
    await post(`${path}/${call}`, { namespace, ...(note && { note }), ...(until && { until }), ...late });
  };
  const run = async (form: FormData, once: string) => {
    const parameters = String(form.get("parameters") ?? "").trim();
    const others = parameters && parameters !== plan.parameters?.trim() && { parameters };
    const overlap = form.get("overlap") !== null && { overlap: "allow" };
    const made = await post<{ data?: Job }>(`${path}/run`, { namespace, created_by: "ui", idempotency_key: once, ...others, ...overlap });
    if (made.data?.id) go(to.run(made.data.id));
  };
  const forget = async () => {
    await remove(path, { namespace });
    go(to.plans());
  };
  const online = plan.status === "running";
  const alone = plan.overlap === "skip";
  return (
    <p class="buttons">
      <Ask button={t("plan.run")} title={t("plan.run.ask", { id })} does={t(alone ? "plan.run.does.alone" : "plan.run.does")} act={run}>
        <label class="field">
          {t("plan.parameters")}
          <textarea name="parameters" rows={4} spellcheck={false} translate={false} defaultValue={plan.parameters ?? ""} placeholder="{}" />
        </label>
        {alone && (
          <label class="check">
            <input type="checkbox" name="overlap" /> {t("plan.run.beside")}
          </label>
        )}
      </Ask>
      {plan.paused ? (
        <Ask key="resume" button={t("plan.resume")} title={t("plan.resume.ask", { id })} does={t("plan.resume.does")} act={tell("resume")}>
          <label class="check">
            <input type="checkbox" name="catch_up" /> {t("plan.resume.late")}
          </label>
        </Ask>
      ) : (
        <Ask key="pause" button={t("plan.pause")} title={t("plan.pause.ask", { id })} does={t("plan.pause.does")} act={tell("pause")}>
          <label class="field">
            {t("plan.note")}
            <input name="note" maxLength={512} />
          </label>
          <label class="field">
            {t("plan.until")}
            <select name="hours">
              <option value="0">{t("plan.until.none")}</option>
              <option value="1">{t("plan.until.1h")}</option>
              <option value="8">{t("plan.until.8h")}</option>
              <option value="24">{t("plan.until.24h")}</option>
            </select>
          </label>
        </Ask>
      )}
      {online ? (
        <Ask key="offline" danger button={t("plan.offline")} title={t("plan.offline.ask", { id })} does={t("plan.offline.does")} act={tell("offline")} />
      ) : (
        <Ask key="online" button={t("plan.online")} title={t("plan.online.ask", { id })} does={t("plan.online.does")} act={tell("online")} />
      )}
      <a class="button" href={`${to.plan(namespace, id)}?edit=1`}>
        {t("plan.edit")}
      </a>
      {!online && <Ask danger button={t("plan.delete")} title={t("plan.delete.ask", { id })} does={t("plan.delete.does")} act={forget} />}
    </p>
  );
}
