/** Writing a plan: the server says of every state of the form whether it would take it, and when it would fire. */
import { useEffect, useState } from "preact/hooks";
import { get, onceKey, post, Refused, segment } from "../api/client";
import type { Plan } from "../api/types";
import { store } from "../live";
import { planKey } from "../live/store";
import { go, to } from "../route";
import { inWords } from "../schedule/words";
import { language } from "../settings";
import { t } from "../text";
import { ownOf } from "../text/own";
import { Area, Choose, Fold, Group, Input, type Written } from "./controls";
import { useCheck } from "./check";
import { FireList } from "./Fires";
import { added, changed, doubled, EMPTY, meant, type Name, preview, updated, type Values, valuesOf } from "./form";
import { EXECUTORS } from "./words";

const STRATEGIES = ["", "weighted-average", "binpack", "spread", "random"];
/** What the folds hold. */
const SPAN: readonly Name[] = ["periodic.start_time", "periodic.end_time", "match", "dst.gap", "dst.overlap"];
const MORE: readonly Name[] = ["retry.max_backoff", "retry.on", "catch_up.max_runs", "catch_up.rate_per_minute", "strategy", "labels"];
const EXAMPLES: Readonly<Record<string, string>> = {
  shell: '{"command": "echo hello"}',
  rest: '{"url": "https://example.com/refresh", "method": "POST"}',
  python: '{"entry": "package.module:function"}',
};

/** `plan` undefined: a new one. */
export function PlanForm({ plan }: { plan?: Plan }) {
  const [base, setBase] = useState({ values: plan ? valuesOf(plan) : EMPTY, revision: plan?.revision ?? "" });
  const [values, setValues] = useState<Values>(base.values);
  const [online, setOnline] = useState(true);
  const [fault, setFault] = useState<Refused | undefined>();
  const [busy, setBusy] = useState(false);
  const [once] = useState(onceKey);
  store.version.value;
  const differs = changed(base.values, values);
  const path = plan ? `plans/${segment(values.id)}` : "plans";
  const body = plan ? updated(base.values, values, base.revision) : added(values, online);
  const check = useCheck(path, differs.length > 0 ? body : undefined, { namespace: values.namespace, id: values.id, query: preview(values) });
  const twice = doubled(values.labels);
  const refused = twice === undefined ? (fault ?? check.refused) : new Refused(0, t("form.labels.twice", { name: twice }), "labels");
  useEffect(() => (plan ? store.lookAt([planKey(plan.namespace ?? "", plan.id ?? "")]) : undefined), []);
  const gone = plan !== undefined && refused?.status === 404;
  const conflict = plan !== undefined && (gone || refused?.field === "revision" || moved(values, base.revision));
  const set = (name: Name, text: string) => {
    setFault(undefined);
    setValues((before) => ({ ...before, [name]: text }));
  };
  const written: Written = { values, set, wrong: refused && !conflict ? { name: meant(refused.field), said: refused.said } : undefined };
  const reload = async () => {
    const answer = await get<{ data?: Plan }>(path, { namespace: values.namespace });
    const fresh = valuesOf(answer.data ?? {});
    const mine = Object.fromEntries(differs.map((name) => [name, values[name]]));
    setBase({ values: fresh, revision: answer.data?.revision ?? "" });
    setValues({ ...fresh, ...mine });
    setFault(undefined);
  };
  const attempt = async (work: () => Promise<void>) => {
    setBusy(true);
    try {
      await work();
    } catch (error) {
      setFault(error instanceof Refused ? error : new Refused(0, String(error)));
    }
    setBusy(false);
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    void attempt(async () => {
      const answer = await post<{ data?: Plan }>(path, plan ? body : { ...body, idempotency_key: once });
      go(to.plan(answer.data?.namespace ?? "", answer.data?.id ?? ""));
    });
  };
  return (
    <section class="list plans">
      <h1>{plan ? t("form.edit", { id: values.id }) : t("form.new")}</h1>
      <form class="plan-form" onSubmit={submit} noValidate>
        <div>
          {conflict && <Conflict gone={gone} reload={() => void attempt(reload)} />}
          <What written={written} fresh={!plan} />
          <When written={written} />
          <Rules written={written} />
          {!plan && (
            <label class="check">
              <input type="checkbox" checked={online} onChange={(event) => setOnline(event.currentTarget.checked)} />
              {t("form.online")}
            </label>
          )}
          <p class="buttons">
            <button type="submit" class="strong" disabled={busy || conflict || twice !== undefined || (plan !== undefined && differs.length === 0)}>
              {t(plan ? "form.save" : "form.add")}
            </button>
            <a class="button" href={plan ? to.plan(values.namespace, values.id) : to.plans()}>
              {t("ask.no")}
            </a>
          </p>
        </div>
        <aside class="panel">
          <Verdict valid={check.valid} refused={conflict ? undefined : refused} />
          <h2>{t("form.preview")}</h2>
          {!values["periodic.spec"].trim() && <p class="soft">{t("form.preview.none")}</p>}
          {values["periodic.spec"].trim() && check.fires && <FireList fires={check.fires} zone={values["periodic.time_zone"]} />}
        </aside>
      </form>
    </section>
  );
}

/** Whether the stream has told of a newer revision than the one that is being changed. */
function moved(values: Values, revision: string): boolean {
  return Number(store.plans.get(planKey(values.namespace, values.id))?.revision ?? 0) > Number(revision);
}

function Conflict({ gone, reload }: { gone: boolean; reload: () => void }) {
  return (
    <p class="hint" role="alert">
      {t(gone ? "form.gone" : "form.conflict")}{" "}
      {!gone && (
        <button type="button" onClick={reload}>
          {t("form.reload")}
        </button>
      )}
    </p>
  );
}

function Verdict({ valid, refused }: { valid: boolean | undefined; refused: Refused | undefined }) {
  return (
    <p class="said" role="status" data-valid={refused ? "no" : valid ? "yes" : ""}>
      {refused ? (
        <span class="fault">
          {t("form.refused")} {refused.message}
        </span>
      ) : (
        valid && t("form.valid")
      )}
    </p>
  );
}

function What({ written, fresh }: { written: Written; fresh: boolean }) {
  const { executor, namespace } = written.values;
  const spaces = [...new Set([namespace, ...store.spaces.keys()])].sort();
  const executors = [...new Set([executor, ...EXECUTORS, ...[...store.nodes.values()].flatMap((node) => node.executors ?? [])])];
  return (
    <Group name={t("form.what")}>
      {fresh && (
        <div class="pair">
          <Input written={written} name="id" label={t("form.id")} code />
          <Choose written={written} name="namespace" label={t("run.namespace")} words={spaces} />
        </div>
      )}
      <div class="pair">
        <Input written={written} name="name" label={t("form.name")} />
        <Input written={written} name="owner" label={t("form.owner")} />
      </div>
      <Input written={written} name="description" label={t("form.description")} />
      <Choose written={written} name="executor" label={t("form.executor")} words={executors} />
      {executor === "rest" && (
        <label class="check">
          <input
            type="checkbox"
            checked={written.values.synchronous === "true"}
            onChange={(event) => written.set("synchronous", String(event.currentTarget.checked))}
          />
          {t("form.synchronous")}
        </label>
      )}
      <Area written={written} name="parameters" label={t("form.parameters")} example={ownOf(EXAMPLES, executor) ?? "{}"} />
    </Group>
  );
}

function When({ written }: { written: Written }) {
  const { values } = written;
  const said = inWords(values["periodic.spec"], values.match === "all")?.[language.value];
  return (
    <Group name={t("form.when")}>
      <div class="pair">
        <Input written={written} name="periodic.spec" label={t("form.spec")} example="30 2 * * MON-FRI" code hint={said ?? ""} />
        <Input written={written} name="periodic.time_zone" label={t("form.zone")} example="Europe/Berlin" code words={zones()} />
      </div>
      <Fold written={written} names={SPAN} label={t("form.bounds")}>
        <div class="pair">
          <Input written={written} name="periodic.start_time" label={t("form.start")} example="2027-01-01T00:00:00+01:00" code />
          <Input written={written} name="periodic.end_time" label={t("form.end")} example="2028-01-01T00:00:00+01:00" code />
          <Choose written={written} name="match" label={t("form.match")} words={["any", "all"]} />
          <Choose written={written} name="dst.gap" label={t("form.gap")} words={["run-after", "skip"]} />
          <Choose written={written} name="dst.overlap" label={t("form.overlap.dst")} words={["first", "second", "both"]} />
        </div>
      </Fold>
    </Group>
  );
}

function Rules({ written }: { written: Written }) {
  return (
    <Group name={t("form.rules")}>
      <div class="pair">
        <Choose written={written} name="overlap" label={t("form.overlap")} words={["allow", "skip"]} />
        <Input written={written} name="timeout" label={t("form.timeout")} example="1h" code />
        <Input written={written} name="retry.attempts" label={t("form.attempts")} code />
        <Input written={written} name="retry.backoff" label={t("form.backoff")} example="10s" code />
        <Choose written={written} name="catch_up.mode" label={t("form.catchup")} words={["latest", "all", "none"]} />
        <Input written={written} name="catch_up.window" label={t("form.window")} example="24h" code />
        <Choose written={written} name="delivery" label={t("form.delivery")} words={["at-least-once", "at-most-once"]} />
        <Input written={written} name="priority" label={t("form.priority")} example="50" code />
      </div>
      <Fold written={written} names={MORE} label={t("form.more")}>
        <div class="pair">
          <Input written={written} name="retry.max_backoff" label={t("form.backoff.most")} example="1h" code />
          <Input written={written} name="retry.on" label={t("form.retry.on")} example="exit_nonzero, timeout" code />
          <Input written={written} name="catch_up.max_runs" label={t("form.catchup.most")} example="1000" code />
          <Input written={written} name="catch_up.rate_per_minute" label={t("form.catchup.rate")} example="0" code />
          <Choose written={written} name="strategy" label={t("form.strategy")} words={STRATEGIES} />
        </div>
        <Area written={written} name="labels" label={t("form.labels")} example={"team=night\nsystem=billing"} rows={3} />
      </Fold>
    </Group>
  );
}

function zones(): readonly string[] {
  return Intl.supportedValuesOf("timeZone");
}
