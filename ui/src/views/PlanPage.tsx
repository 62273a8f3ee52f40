/** One plan: what comes next, how it went, what became of each tick and why, and the switches. */
import "../styles/plans.css";
import { useEffect, useState } from "preact/hooks";
import { get, Refused, segment } from "../api/client";
import type { Plan, PlanExplanation, Preview } from "../api/types";
import { store } from "../live";
import { planKey } from "../live/store";
import { Findings } from "../parts/Findings";
import { Gone } from "../parts/Gone";
import { Schedule } from "../parts/Schedule";
import { Rate, Strip, Took } from "../parts/Strip";
import { useReading } from "../parts/use";
import { When } from "../parts/When";
import { FireList } from "../plans/Fires";
import { Lazy } from "../plans/Lazy";
import { PlanFacts } from "../plans/PlanFacts";
import { Switches } from "../plans/Switches";
import { TickLedger } from "../plans/TickLedger";
import { query, to } from "../route";
import { t } from "../text";
import { PlanStatus } from "./PlansPage";

const PAUSE = 1000;

interface Name {
  namespace: string;
  id: string;
}

export function PlanPage({ namespace, id }: Name) {
  const changes = useChanges(namespace, id);
  store.version.value;
  const path = `plans/${segment(id)}`;
  const plan = useReading((signal) => get<{ data?: Plan }>(path, { namespace }, signal), [path, namespace, changes]);
  const found = plan.value?.data;
  useEffect(() => store.lookAt([planKey(namespace, id)]), [namespace, id]);
  const live = store.plans.get(planKey(namespace, id)) ?? found;
  if (found && query.value.get("edit")) return <Lazy key="edit" plan={found} />;
  if (plan.error instanceof Refused && plan.error.status === 404)
    return <Gone kind="plans" id={id} text={t("plan.gone")} address={to.plans()} others={t("plans.all")} />;
  return (
    <section class="list plans">
      <h1>{id}</h1>
      {plan.error && <p class="fault">{plan.error.message}</p>}
      {!found && !plan.error && <p class="soft">{t("list.loading")}</p>}
      {found && live && (
        <>
          <p class="line">
            <span>
              <PlanStatus plan={found} />
            </span>
            <span class="soft">{namespace}</span>
            <Schedule plan={found} />
            <span class="soft">{found.executor}</span>
            {found.owner && <span class="soft">{found.owner}</span>}
          </p>
          {found.description && <p>{found.description}</p>}
          <PausedNote plan={found} />
          <Changed plan={found} />
          <Switches plan={found} path={path} namespace={namespace} />
          <p class="figures">
            <Strip namespace={namespace} id={id} links />
            <Rate namespace={namespace} id={id} label={t("plans.rate")} />
            <Took namespace={namespace} id={id} label={t("plans.took")} />
            <a href={to.runs({ plan: id, namespace })}>{t("plan.all")}</a>
            <a href={to.timeline({ plan: id, namespace })}>{t("plan.timeline")}</a>
            <a href={to.map({ plan: id, namespace })}>{t("plan.map")}</a>
          </p>
          <div class="sides">
            {found.periodic?.spec && <Fires path={path} namespace={namespace} changes={changes} plan={found} />}
            <Why path={path} namespace={namespace} changes={changes} />
          </div>
          <TickLedger plan={live} path={path} namespace={namespace} />
          <PlanFacts plan={found} />
        </>
      )}
    </section>
  );
}

/** Grows when the plan has changed, as it does at each of its ticks; at most once a second. */
function useChanges(namespace: string, id: string): number {
  const [changes, setChanges] = useState(0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = store.watch("plan", namespace, id, () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        setChanges((count) => count + 1);
      }, PAUSE);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [namespace, id]);
  return changes;
}

function PausedNote({ plan }: { plan: Plan }) {
  if (!plan.paused) return null;
  return (
    <p class="hint">
      {t("plan.paused.by", { by: plan.paused.by ?? "", since: "" })}
      <When time={plan.paused.since} zone={plan.periodic?.time_zone} /> {plan.paused.until && (
        <>
          {t("plan.until.some")}
          <When time={plan.paused.until} zone={plan.periodic?.time_zone} />
        </>
      )}{" "}
      {plan.paused.note && <q>{plan.paused.note}</q>}
    </p>
  );
}

/** When its definition came and was changed last; the API tells of no former ones. */
function Changed({ plan }: { plan: Plan }) {
  const zone = plan.periodic?.time_zone;
  return (
    <p class="soft changed">
      {t("plan.added")} <When time={plan.create_time} zone={zone} />
      {plan.update_time !== plan.create_time && (
        <>
          {" · "}
          {t("plan.changed")} <When time={plan.update_time} zone={zone} />
        </>
      )}
      {" · "}
      {t("plan.revision", { n: plan.revision ?? "" })}
    </p>
  );
}

interface PartProps {
  path: string;
  namespace: string;
  changes: number;
}

function Fires({ path, namespace, changes, plan }: PartProps & { plan: Plan }) {
  const { value, error } = useReading((signal) => get<Preview>(`${path}/preview`, { namespace, n: 8 }, signal), [path, changes]);
  return (
    <section>
      <h2>{t("plan.fires")}</h2>
      {error && <p class="soft">{error.message}</p>}
      {!plan.next_time && value?.data?.length && <p class="fault">{t("plan.fires.held")}</p>}
      {value && <FireList fires={value} zone={plan.periodic?.time_zone ?? ""} />}
    </section>
  );
}

function Why({ path, namespace, changes }: PartProps) {
  const { value } = useReading((signal) => get<PlanExplanation>(`${path}/explain`, { namespace }, signal), [path, changes]);
  return (
    <section>
      <h2>{t("plan.why")}</h2>
      <Findings data={value?.data ?? []} zone={value?.time_zone} />
    </section>
  );
}
