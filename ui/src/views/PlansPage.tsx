/** The plans: what fires when, and how it went last. */
import { useEffect } from "preact/hooks";
import type { Plan } from "../api/types";
import { store } from "../live";
import { planKey } from "../live/store";
import { useList } from "../parts/list";
import { Rows } from "../parts/Rows";
import { StatusDot } from "../parts/StatusDot";
import { When } from "../parts/When";
import { ask, query, to } from "../route";
import { status, t } from "../text";
import { ADD, Choice, Hint } from "./MapPage";
import { ListState } from "./RunsPage";

export function PlansPage() {
  const get = (name: string) => query.value.get(name) ?? "";
  const wanted = { namespace: get("namespace"), name: get("name"), status: get("status") };
  const list = useList<Plan>("plans", wanted);
  useEffect(() => store.lookAt(list.items.map((plan) => planKey(plan.namespace ?? "", plan.id ?? ""))), [list.items]);
  const version = store.version.value;
  return (
    <section class="list">
      <h1>{t("plans.title")}</h1>
      <form class="filters" role="search" aria-label={t("filter.label")} onSubmit={(event) => event.preventDefault()}>
        <input
          type="search"
          aria-label={t("plans.search")}
          placeholder={t("plans.search")}
          value={wanted.name}
          onInput={(event) => ask({ name: event.currentTarget.value })}
        />
        <Choice name="status" label={t("filter.status")} value={wanted.status} words={["running", "pending", "dead"]} say={status} />
        <Choice name="namespace" label={t("filter.namespace")} value={wanted.namespace} words={[...store.spaces.keys()].sort()} />
      </form>
      <ListState list={list} none={<Hint text={`${t("plans.none")} ${t("plans.none.next")}`} command={ADD} />} />
      {list.items.length > 0 && (
        <Rows
          items={list.items}
          label={t("plans.title")}
          heads={[t("plans.name"), t("run.status"), t("plans.schedule"), t("plans.next"), t("plans.last"), t("run.namespace")]}
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
  return [
    <>
      <a href={to.plan(plan.namespace ?? "", plan.id ?? "")}>{plan.id}</a>{" "}
      {plan.name !== plan.id && <small class="soft">{plan.name}</small>}
    </>,
    <PlanStatus plan={plan} />,
    plan.periodic?.spec ? <code>{plan.periodic.spec}</code> : t("plan.manual"),
    <When time={plan.next_time} zone={zone} />,
    plan.last_job ? (
      <a href={to.run(plan.last_job)}>
        <When time={plan.launch_time} zone={zone} />
      </a>
    ) : (
      ""
    ),
    plan.namespace,
  ];
}

export function PlanStatus({ plan }: { plan: Plan }) {
  const word = plan.status ?? "";
  return (
    <>
      <StatusDot status={plan.paused ? "paused" : word} /> {plan.paused ? t("plan.paused") : status(word)}
    </>
  );
}
