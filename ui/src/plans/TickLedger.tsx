/** What became of each tick of a plan, newest first, and why one did not run; read on as one scrolls. */
import { useEffect, useState } from "preact/hooks";
import type { LedgerEntry, Plan } from "../api/types";
import { store } from "../live";
import { useList } from "../parts/list";
import { Rows } from "../parts/Rows";
import { StatusDot } from "../parts/StatusDot";
import { When } from "../parts/When";
import { query, to } from "../route";
import { number, status, t, term } from "../text";
import { isKey } from "../text/words";
import { span } from "../time";
import { Choice } from "../views/MapPage";
import { ListState } from "../views/RunsPage";

/** Who has read on is not taken back to the beginning. */
const PIECE = 100;
const PAUSE = 1000;
const NOT_RUN = ["skipped", "no_slot", "coalesced", "missed_window", "superseded_by_edit", "paused"];

export function TickLedger({ plan, path, namespace }: { plan: Plan; path: string; namespace: string }) {
  const chosen = query.value.get("ticks") ?? "";
  const decisions = chosen === "not" ? NOT_RUN : chosen ? [chosen] : [];
  const list = useList<LedgerEntry>(`${path}/ledger`, { namespace, decisions });
  const zone = plan.periodic?.time_zone;
  const newer = useNewer(`${plan.next_time} ${plan.last_job} ${plan.revision}`, list.loading);
  const short = list.items.length <= PIECE;
  useEffect(() => {
    if (!newer || !short) return;
    const timer = setTimeout(list.again, PAUSE);
    return () => clearTimeout(timer);
  }, [newer, short]);
  store.version.value; // of the runs in it
  const row = (entry: LedgerEntry) => cells(entry, zone);
  return (
    <section class="ledger">
      <h2>{t("ledger.title")}</h2>
      <div class="filters">
        <Choice name="ticks" label={t("ledger.filter")} value={chosen} words={["not", "run", ...NOT_RUN]} say={filterWord} />
        {list.knownFrom && (
          <small class="soft">
            {t("ledger.known")} <When time={list.knownFrom} zone={zone} />
          </small>
        )}
        <span role="status">
          {newer && !short && (
            <button type="button" class="chip" onClick={list.again}>
              {t("ledger.newer")}
            </button>
          )}
        </span>
      </div>
      <ListState list={list} none={<p class="soft">{t("ledger.none")}</p>} />
      {list.items.length > 0 && (
        <Rows
          items={list.items}
          label={t("ledger.title")}
          heads={[t("ledger.due"), t("ledger.decision"), t("run.status"), t("ledger.why"), t("runs.late")]}
          keyOf={(entry) => `${entry.first} ${entry.job_id ?? ""}`}
          row={row}
          more={list.more}
        />
      )}
    </section>
  );
}

/** Whether what the stream tells of the plan has moved since the list was read. */
function useNewer(mark: string, loading: boolean): boolean {
  const [read, setRead] = useState(mark);
  useEffect(() => {
    if (loading) setRead(mark);
  }, [loading]);
  return !loading && read !== mark;
}

function filterWord(word: string): string {
  return word === "not" ? t("ledger.not") : decision(word);
}

function decision(word: string): string {
  const key = `decision.${word}`;
  return isKey(key) ? t(key) : word;
}

function cells(entry: LedgerEntry, zone: string | undefined) {
  const job = entry.job_id ?? "";
  const run = job ? (store.runs.get(job) ?? store.ended.find((one) => one.id === job)) : undefined;
  const word = run?.status ?? entry.status ?? "";
  const because = `because.${entry.decision}`;
  return [
    <>
      <When time={entry.first} zone={zone} />
      {entry.last !== entry.first && (
        <>
          {" – "}
          <When time={entry.last} zone={zone} />
        </>
      )}
    </>,
    <>
      {decision(entry.decision ?? "")}{" "}
      {!job && entry.count !== undefined && <small class="soft">{t("ledger.ticks", { n: number(Number(entry.count)) })}</small>}
    </>,
    job && (
      <a href={to.run(job)}>
        <StatusDot status={word} /> {status(word)}
      </a>
    ),
    <span class="soft">{isKey(because) ? t(because) : [entry.trigger !== "schedule" && term(entry.trigger), term(run?.reason ?? entry.reason)].filter(Boolean).join(" · ")}</span>,
    entry.lateness_ms ? span(Number(entry.lateness_ms)) : "",
  ];
}
