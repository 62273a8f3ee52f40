/** The one gatherer of outcomes of this page, told by the stream when runs end. */
import { effect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get } from "../api/client";
import type { PlanOutcomes } from "../api/types";
import { recoveries, store } from ".";
import { Outcomes } from "./outcomes";

const outcomes = new Outcomes(async (namespace, id) => (await get<{ data?: readonly PlanOutcomes[] }>("outcomes", { namespace, id })).data ?? []);
store.listeners.add((run) => outcomes.ended(run.namespace, run.plan));
effect(() => {
  if (recoveries.value > 0) outcomes.again();
});

/** How the plan's last runs ended, kept up to date while it is shown; undefined until it is known. */
export function useOutcomes(namespace: string, id: string): PlanOutcomes | undefined {
  outcomes.version.value;
  useEffect(() => outcomes.want(namespace, id), [namespace, id]);
  return outcomes.of(namespace, id);
}
