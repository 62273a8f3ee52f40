/** The start page: each namespace as a map of its slots, live. */
import { useMemo } from "preact/hooks";
import { get } from "../api/client";
import type { PlanList } from "../api/types";
import { store } from "../live";
import { type MapFilter, filterOf, matcher, STATUSES } from "../map/filter";
import { ask, query, to } from "../route";
import { number, status, t } from "../text";
import { isKey } from "../text/words";
import { span, between } from "../time";
import { StatusDot } from "../parts/StatusDot";
import { useReading } from "../parts/use";
import { When } from "../parts/When";
import { NamespaceMap } from "./NamespaceMap";
import { RunPanel } from "./RunPanel";
import { Strip } from "./Strip";

export function MapPage() {
  store.version.value;
  const filter = filterOf(query.value);
  const matches = useMemo(() => matcher(filter), [filter.status, filter.executor, filter.plan, filter.text]);
  const open = query.value.get("run") ?? "";
  const spaces = [...store.spaces.values()]
    .filter((space) => !filter.namespace || space.name === filter.namespace)
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  return (
    <div class={open ? "beside" : ""}>
      <section aria-label={t("map.title")} class="maps">
        <h1 class="quiet">{t("map.title")}</h1>
        <Filters filter={filter} matches={matches} />
        {store.whole.value && <Hints />}
        {spaces.map((space) => (
          <NamespaceMap key={space.name} space={space} matches={matches} open={open} />
        ))}
        {spaces.length === 0 && <canvas class="map blank" aria-hidden="true" />}
        <Strip namespace={filter.namespace} />
        <Ended />
      </section>
      {open && <RunPanel key={open} id={open} onClose={() => ask({ run: "" })} />}
    </div>
  );
}

function Filters({ filter, matches }: { filter: MapFilter; matches: ReturnType<typeof matcher> }) {
  const executors = [...store.executors.keys()].filter(Boolean).sort();
  let found = 0;
  if (matches) for (const run of store.runs.values()) if (matches(run)) found++;
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
      {filter.plan && (
        <button type="button" class="chip" onClick={() => ask({ plan: "" })}>
          {t("filter.plan")}: {filter.plan} ×
        </button>
      )}
      {matches && (
        <>
          <output class="found" data-found={found}>
            {t("map.matches", { n: number(found), total: number(store.runs.size) })}
          </output>
          <button type="button" onClick={() => ask({ q: "", status: "", executor: "", plan: "" })}>
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

function Ended() {
  store.version.value;
  const ended = store.ended.slice(0, 12);
  return (
    <section class="ended">
      <h2>{t("map.ended")}</h2>
      {ended.length === 0 && <p class="soft">{t("map.ended.none")}</p>}
      <ul>
        {ended.map((run) => (
          <li key={run.id}>
            <a href={to.map({ run: run.id })}>
              <StatusDot status={run.status} />
              <b>{run.plan}</b> <span class="soft">{status(run.status)}</span>
              <span class="soft took">{span(between(run.started, run.finished))}</span>
              <When time={run.finished} zone={run.zone} />
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}
