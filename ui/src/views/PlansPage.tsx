/** The plans: what fires when, and how it went last. */
import "../styles/plans.css";
import { useEffect, useMemo, useState } from "preact/hooks";
import { get } from "../api/client";
import type { Plan, PlanList } from "../api/types";
import { store } from "../live";
import { useOutcomes } from "../live/plans";
import { planKey } from "../live/store";
import { type List, useList } from "../parts/list";
import { Rows } from "../parts/Rows";
import { Schedule } from "../parts/Schedule";
import { Search, useTyped } from "../parts/Search";
import { StatusDot } from "../parts/StatusDot";
import { Rate, Strip, Took } from "../parts/Strip";
import { useReading, useSettled } from "../parts/use";
import { When } from "../parts/When";
import { Lazy } from "../plans/Lazy";
import { EXECUTORS } from "../plans/words";
import { ask, go, query, to } from "../route";
import { number, status, t } from "../text";
import { ADD, Choice, Hint } from "./MapPage";
import { ListState } from "./RunsPage";

/** A list of 100,000 plans costs the server some 60 ms. */
const PAUSE = 2000;
/** A list that was read on is not taken back to its beginning. */
const SHORT = 100;
const STATUSES = ["running", "paused", "pending", "dead"];

function wantedOf(address: URLSearchParams) {
  const get = (name: string) => address.get(name) ?? "";
  return { namespace: get("namespace"), text: get("q"), status: get("status"), executor: get("executor"), label: get("label"), order: get("order") };
}
type Wanted = ReturnType<typeof wantedOf>;

/** As the server is asked; who is paused is shown as that, whatever else it is. */
function asked({ namespace, text, status, executor, label, order }: Wanted) {
  const state = status === "paused" ? { paused: "true" } : status ? { status, paused: "false" } : {};
  const labels = label
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);
  return { namespace, text: text.trim(), executor, order, labels, ...state };
}

export function PlansPage() {
  return query.value.get("new") ? <Lazy /> : <PlanTable />;
}

function PlanTable() {
  const wanted = wantedOf(query.value);
  const list = useList<Plan>("plans", asked(wanted));
  const changes = useSettled(store.schedules.value, PAUSE);
  const newer = useNewer(changes, list);
  const filtered = Object.entries(wanted).some(([name, value]) => value && name !== "order");
  const items = useMemo(() => [...new Map(list.items.map((plan) => [keyOf(plan), plan])).values()], [list.items]); // one that has fired meanwhile may come again
  useEffect(() => store.lookAt(list.items.map(keyOf)), [list.items]);
  store.version.value;
  return (
    <section class="list plans">
      <div class="title">
        <h1>{t("plans.title")}</h1>
        <a class="button strong" href={`${to.plans()}?new=1`}>
          {t("plans.new")}
        </a>
      </div>
      <form class="filters" role="search" aria-label={t("filter.label")} onSubmit={(event) => event.preventDefault()}>
        <Search name="q" label={t("plans.search")} value={wanted.text} live />
        <Choice name="status" label={t("filter.status")} value={wanted.status} words={STATUSES} say={planStatus} />
        <Choice name="executor" label={t("filter.executor")} value={wanted.executor} words={executors()} />
        <Choice name="namespace" label={t("filter.namespace")} value={wanted.namespace} words={[...store.spaces.keys()].sort()} />
        <label class="choice">
          {t("plans.label")}
          <input class="plan" translate={false} placeholder="team=night" {...useTyped("label", wanted.label)} />
        </label>
        {filtered && (
          <button type="button" onClick={() => go(to.plans())}>
            {t("filter.clear")}
          </button>
        )}
      </form>
      <p class="line">
        <Total wanted={wanted} changes={changes} />
        <span role="status">
          {newer && (
            <button type="button" class="chip" onClick={list.again}>
              {t("plans.newer")}
            </button>
          )}
        </span>
      </p>
      <ListState list={list} none={filtered ? <Hint text={`${t("plans.none")} ${t("plans.none.next")}`} /> : <Hint text={t("map.empty.plans")} command={ADD} />} />
      {list.items.length > 0 && (
        <Rows
          items={items}
          orders={{ words: { [t("plans.name")]: "id", [t("plans.next")]: "next" }, chosen: wanted.order, choose: (order) => ask({ order }) }}
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
          keyOf={keyOf}
          row={cells}
          more={list.more}
        />
      )}
    </section>
  );
}

function keyOf(plan: Plan): string {
  return planKey(plan.namespace ?? "", plan.id ?? "");
}

function executors(): readonly string[] {
  return [...new Set([...EXECUTORS, ...[...store.nodes.values()].flatMap((node) => node.executors ?? [])])].sort();
}

/** Whether plans have come, gone or been changed since the list was read; a short list is read again by itself. */
function useNewer(changes: number, list: List<Plan>): boolean {
  const [read, setRead] = useState(changes);
  const newer = !list.loading && read !== changes;
  const short = list.items.length <= SHORT;
  useEffect(() => {
    if (newer && short) list.again();
  }, [newer, short]);
  useEffect(() => setRead(changes), [list.reads]);
  return newer && !short;
}

/** How many there are in all. */
function Total({ wanted, changes }: { wanted: Wanted; changes: number }) {
  const query = { ...asked(wanted), pageNumber: 1, pageSize: 1 };
  const { value } = useReading((signal) => get<PlanList>("plans", query, signal), [JSON.stringify(query), changes]);
  const count = value?.totalElements ?? 0;
  return (
    <output class="found" data-total={value ? count : ""}>
      {value && t("plans.total", { n: number(count) })}
    </output>
  );
}

/** By what the stream has told last, which is all that the table shows: what a plan has no more is not kept from the list. */
function cells(told: Plan) {
  const plan = store.plans.get(keyOf(told)) ?? told;
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
