/** The start page: each namespace as a map of its slots, live. */
import { useEffect, useState } from "preact/hooks";
import { get } from "../api/client";
import type { PlanList } from "../api/types";
import { store } from "../live";
import { type MapFilter, filterOf, matcher, STATUSES } from "../map/filter";
import type { Found } from "../map/found";
import { useFound } from "../parts/found";
import { PlanChoice } from "../parts/PlanChoice";
import { ask, query } from "../route";
import { number, t, term } from "../text";
import { isKey } from "../text/words";
import { useReading } from "../parts/use";
import { Lately } from "./Lately";
import { NamespaceMap } from "./NamespaceMap";
import { RunPanel } from "./RunPanel";
import { Strip } from "./Strip";

export function MapPage() {
  store.version.value;
  const filter = filterOf(query.value);
  const meant = { ...filter, namespace: "" };
  const found = useFound(matcher(meant), JSON.stringify(meant));
  const drawn = useDrawn();
  const open = query.value.get("run") ?? "";
  const spaces = [...store.spaces.values()]
    .filter((space) => !filter.namespace || space.name === filter.namespace)
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  return (
    <div class={open ? "beside" : ""}>
      <section aria-label={t("map.title")} class="maps">
        <h1 class="quiet">{t("map.title")}</h1>
        <Filters filter={filter} found={found} />
        {store.whole.value && <Hints />}
        {spaces.map((space) => (
          <NamespaceMap key={space.name} space={space} found={found} open={open} />
        ))}
        {spaces.length === 0 && <canvas class="map blank" aria-hidden="true" />}
        {drawn && <Strip namespace={filter.namespace} />}
        {drawn && <Lately namespace={filter.namespace} />}
      </section>
      {open && <RunPanel key={open} id={open} onClose={() => ask({ run: "" })} />}
    </div>
  );
}

/** Whether the map has been drawn once. It comes first: what stands under it waits for the server anyway. */
function useDrawn(): boolean {
  const [drawn, setDrawn] = useState(false);
  useEffect(() => setDrawn(true), []);
  return drawn;
}

/** How many of the runs that are shown match. */
function Matches({ found, namespace }: { found: Found; namespace: string }) {
  store.version.value;
  const shown = [...store.spaces.values()].filter((space) => !namespace || space.name === namespace);
  const count = shown.reduce((sum, space) => sum + found.in(space.name), 0);
  const all = shown.reduce((sum, space) => sum + space.live, 0);
  return (
    <output class="found" data-found={count}>
      {t("map.matches", { n: number(count), total: number(all) })}
    </output>
  );
}

export const TRIGGERS = ["schedule", "manual", "catch-up", "rerun"];

function Filters({ filter, found }: { filter: MapFilter; found: Found | undefined }) {
  const executors = [...store.executors.keys()].filter(Boolean).sort();
  const names = [...store.spaces.keys()].sort();
  return (
    <form class="filters" role="search" aria-label={t("filter.label")} onSubmit={(event) => event.preventDefault()}>
      <input
        type="search"
        aria-label={t("filter.text")}
        placeholder={t("filter.text")}
        value={filter.text}
        onInput={(event) => ask({ q: event.currentTarget.value })}
      />
      {names.length > 1 && <Choice name="namespace" label={t("filter.namespace")} value={filter.namespace} words={names} />}
      <Choice name="status" label={t("filter.status")} value={filter.status} words={Object.keys(STATUSES)} say={cell} />
      <Choice name="executor" label={t("filter.executor")} value={filter.executor} words={executors} />
      <Choice name="trigger" label={t("runs.trigger")} value={filter.trigger} words={TRIGGERS} say={term} />
      <PlanChoice value={filter.plan} namespace={filter.namespace} />
      {found && (
        <>
          <Matches found={found} namespace={filter.namespace} />
          <button type="button" onClick={() => ask({ q: "", status: "", executor: "", trigger: "", plan: "" })}>
            {t("filter.clear")}
          </button>
        </>
      )}
    </form>
  );
}

/** A state of a slot; what the address says beside them as it is. */
function cell(word: string): string {
  const key = `cell.${word}`;
  return isKey(key) ? t(key) : word;
}

interface ChoiceProps {
  name: string;
  label: string;
  value: string;
  words: readonly string[];
  say?: (word: string) => string;
}

export function Choice({ name, label, value, words, say = (word) => word }: ChoiceProps) {
  const all = value && !words.includes(value) ? [value, ...words] : words;
  return (
    <label class="choice">
      {label}
      <select value={value} onChange={(event) => ask({ [name]: event.currentTarget.value })}>
        <option value="">{t("filter.all")}</option>
        {all.map((word) => (
          <option key={word} value={word}>
            {say(word)}
          </option>
        ))}
      </select>
    </label>
  );
}

/** What to do next where there is nothing to see. */
function Hints() {
  store.version.value;
  if (store.nodes.size === 0) return <Hint text={t("map.empty.agents")} command="jobpool_agent agent --executors rest,noop,shell" />;
  if (store.runs.size > 0) return null;
  return <Idle />;
}

function Idle() {
  const { planned, unplanned } = store;
  const { value } = useReading((signal) => get<PlanList>("plans", { limit: 1 }, signal), [planned, unplanned]);
  if (planned || value?.data?.length) return <Hint text={t("map.empty.idle")} />;
  return value ? <Hint text={t("map.empty.plans")} command={ADD} /> : null;
}

export const ADD = "jobpoolctl plan add --id hello --spec '* * * * *' --command 'echo hello'";

export function Hint({ text, command }: { text: string; command?: string }) {
  return (
    <div class="hint">
      <p>{text}</p>
      {command && <pre>{command}</pre>}
    </div>
  );
}
