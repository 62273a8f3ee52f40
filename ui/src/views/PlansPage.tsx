/** The plans: what fires when, and how it went last. */
import "../styles/plans.css";
import { useEffect } from "preact/hooks";
import type { Plan } from "../api/types";
import { store } from "../live";
import { useOutcomes } from "../live/plans";
import { planKey } from "../live/store";
import { useList } from "../parts/list";
import { Rows } from "../parts/Rows";
import { Schedule } from "../parts/Schedule";
import { StatusDot } from "../parts/StatusDot";
import { Rate, Strip, Took } from "../parts/Strip";
import { When } from "../parts/When";
import { Lazy } from "../plans/Lazy";
import { ask, query, to } from "../route";
import { status, t } from "../text";
import { ADD, Choice, Hint } from "./MapPage";
import { ListState } from "./RunsPage";

export function PlansPage() {
  return query.value.get("new") ? <Lazy /> : <PlanTable />;
}

function PlanTable() {
  const get = (name: string) => query.value.get(name) ?? "";
  const wanted = { namespace: get("namespace"), name: get("name"), status: get("status") };
  const list = useList<Plan>("plans", wanted);
  useEffect(() => store.lookAt(list.items.map((plan) => planKey(plan.namespace ?? "", plan.id ?? ""))), [list.items]);
  const version = store.version.value;
  return (
    <section class="list plans">
      <div class="title">
        <h1>{t("plans.title")}</h1>
        <a class="button strong" href={`${to.plans()}?new=1`}>
          {t("plans.new")}
        </a>
      </div>
      <form class="filters" role="search" aria-label={t("filter.label")} onSubmit={(event) => event.preventDefault()}>
        <input
          type="search"
          aria-label={t("plans.search")}
          placeholder={t("plans.search")}
          value={wanted.name}
          onInput={(event) => ask({ name: event.currentTarget.value })}
        />
        <Choice name="status" label={t("filter.status")} value={wanted.status} words={["running", "pending", "dead"]} say={planStatus} />
        <Choice name="namespace" label={t("filter.namespace")} value={wanted.namespace} words={[...store.spaces.keys()].sort()} />
      </form>
      <ListState list={list} none={<Hint text={`${t("plans.none")} ${t("plans.none.next")}`} command={ADD} />} />
      {list.items.length > 0 && (
        <Rows
          items={list.items}
          label={t("plans.title")}
          heads={[
            t("plans.name"),
            t("run.status"),
            t("plans.schedule"),
            t("plans.next"),
            t("plans.last"),
            t("plans.ends"),
            t("plans.rate"),
            t("plans.took"),
          ]}
          keyOf={(plan) => planKey(plan.namespace ?? "", plan.id ?? "")}
          row={cells}
          version={version}
          more={list.more}
        />
      )}
    </section>
  );
}

function cells(told: Plan) {
  const plan = { ...told, ...store.plans.get(planKey(told.namespace ?? "", told.id ?? "")) };
  const zone = plan.periodic?.time_zone;
  const name = { namespace: plan.namespace ?? "", id: plan.id ?? "" };
  return [
    <span class="two">
      <a href={to.plan(plan.namespace ?? "", plan.id ?? "")} title={plan.id}>
        {plan.id}
      </a>
      <small class="soft">{plan.name === plan.id ? plan.namespace : `${plan.namespace} · ${plan.name}`}</small>
    </span>,
    <PlanStatus plan={plan} />,
    <Schedule plan={plan} />,
    <When time={plan.next_time} zone={zone} />,
    <Last plan={plan} />,
    <Strip {...name} />,
    <Rate {...name} />,
    <Took {...name} />,
  ];
}

/** The newest run: how it stands or ended, and when it was made. */
function Last({ plan }: { plan: Plan }) {
  const outcome = useOutcomes(plan.namespace ?? "", plan.id ?? "")?.last;
  const id = plan.last_job;
  if (!id) return <></>;
  const run = store.runs.get(id) ?? store.ended.find((one) => one.id === id);
  const word = run?.status ?? (outcome?.job_id === id ? outcome.status : undefined) ?? "";
  return (
    <a class="two" href={to.run(id)}>
      {word && (
        <span>
          <StatusDot status={word} /> {status(word)}{" "}
        </span>
      )}
      <When time={plan.launch_time} zone={plan.periodic?.time_zone} />
    </a>
  );
}

export function PlanStatus({ plan }: { plan: Plan }) {
  const word = plan.status ?? "";
  return (
    <>
      <StatusDot status={plan.paused ? "paused" : word === "running" ? "online" : word} /> {plan.paused ? t("plan.paused") : planStatus(word)}
    </>
  );
}

/** A plan is online while a run of it is running: one word for both would be read wrong. */
function planStatus(word: string): string {
  return word === "running" ? t("status.online") : status(word);
}
