/** The output of a run: its end, live, with a search in it, and all of it as a file. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Job } from "../api/types";
import { recoveries } from "../live";
import { attended } from "../live/attention";
import { find, pieces } from "../live/find";
import { added, EMPTY, readLog, type Tail, wholeLog } from "../live/log";
import { number, t } from "../text";
import { ENDED } from "./ended";

const CLOSE = 24;

export function Output({ job }: { job: Job }) {
  const [attempt, setAttempt] = useState(0);
  const [wanted, setWanted] = useState("");
  const [chosen, setChosen] = useState(0);
  const tail = useTail(job, attempt);
  const found = useMemo(() => find(tail.text, wanted), [tail.text, wanted]);
  const count = found.starts.length;
  const at = count > 0 ? Math.min(chosen, count - 1) : 0;
  const step = (by: number) => count > 0 && setChosen((at + by + count) % count);
  const live = !ENDED.has(job.status ?? "");
  return (
    <>
      <h2>{t("run.log")}</h2>
      <div class="logbar" role="search" aria-label={t("run.log.search")}>
        <input
          type="search"
          aria-label={t("run.log.search")}
          placeholder={t("run.log.search")}
          value={wanted}
          onInput={(event) => {
            setWanted(event.currentTarget.value);
            setChosen(0);
          }}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault();
            step(event.shiftKey ? -1 : 1);
          }}
        />
        {wanted && (
          <>
            <output data-found={count}>
              {count === 0 ? t("run.log.nowhere") : t("run.log.place", { n: number(at + 1), total: number(count) + (found.more ? "+" : "") })}
            </output>
            <button type="button" aria-label={t("run.log.previous")} disabled={count === 0} onClick={() => step(-1)}>
              ↑
            </button>
            <button type="button" aria-label={t("run.log.next")} disabled={count === 0} onClick={() => step(1)}>
              ↓
            </button>
          </>
        )}
        <Attempts count={job.attempt ?? 0} value={attempt} choose={setAttempt} />
        <Download job={job} attempt={attempt} />
      </div>
      {tail.cut && <p class="soft">{t("run.log.cut")}</p>}
      {tail.dropped && <p class="soft">{t("run.log.dropped")}</p>}
      <Text text={tail.text || t(live ? "run.log.waiting" : "run.log.none")} starts={found.starts} length={wanted.length} at={at} />
    </>
  );
}

/** The end of what the attempt has written; 0: of the newest and of those after it. */
function useTail(job: Job, attempt: number): Tail {
  const id = job.id ?? "";
  const live = !ENDED.has(job.status ?? "") && attempt === 0;
  const [tail, setTail] = useState(EMPTY);
  const looked = attended.value || !live;
  useEffect(() => setTail(EMPTY), [id, attempt]);
  useEffect(() => {
    if (!looked) return;
    const abort = new AbortController();
    let first = true; // what was read before stays until there is something newer
    const tell = (piece: string, skipped: boolean, dropped: boolean) => {
      const anew = first;
      first = false;
      setTail((shown) => {
        const before = anew ? EMPTY : shown;
        return added({ ...before, cut: before.cut || skipped, dropped: before.dropped || dropped }, piece);
      });
    };
    const source = { id, live, begun: Boolean(job.attempt), ...(attempt && { attempt }) };
    readLog(source, tell, abort.signal).catch((error: unknown) => {
      if (abort.signal.aborted) return;
      const fault = `\n[${error instanceof Error ? error.message : error}]`;
      setTail((before) => ({ ...before, text: before.text.endsWith(fault) ? before.text : before.text + fault }));
    });
    return () => abort.abort();
  }, [id, live, looked, attempt, live ? 0 : recoveries.value]);
  return tail;
}

/** Stays at its end while one is there; goes to the place that is chosen among those found. */
function Text({ text, starts, length, at }: { text: string; starts: readonly number[]; length: number; at: number }) {
  const box = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);
  const searching = starts.length > 0;
  useLayoutEffect(() => {
    const element = box.current;
    if (element && atEnd.current && !searching) element.scrollTop = element.scrollHeight;
  }, [text, searching]);
  useLayoutEffect(() => {
    const mark = box.current?.querySelector<HTMLElement>("mark[aria-current]");
    if (box.current && mark) box.current.scrollTop = mark.offsetTop - box.current.offsetTop - box.current.clientHeight / 2;
  }, [at, starts[at]]);
  return (
    <pre
      class="log"
      ref={box}
      tabIndex={0}
      aria-label={t("run.log")}
      onScroll={({ currentTarget: it }) => {
        atEnd.current = it.scrollHeight - it.scrollTop - it.clientHeight < CLOSE;
      }}
    >
      {pieces(text, starts, length).map((piece, place) =>
        piece.at === undefined ? (
          piece.text
        ) : (
          <mark key={place} aria-current={piece.at === at ? "true" : undefined}>
            {piece.text}
          </mark>
        ),
      )}
    </pre>
  );
}

function Attempts({ count, value, choose }: { count: number; value: number; choose: (attempt: number) => void }) {
  if (count < 2) return null;
  return (
    <label class="choice">
      {t("run.attempt")}
      <select value={String(value)} onChange={(event) => choose(Number(event.currentTarget.value))}>
        <option value="0">{t("run.log.newest")}</option>
        {Array.from({ length: count - 1 }, (_, at) => (
          <option key={at} value={String(at + 1)}>
            {at + 1}
          </option>
        ))}
      </select>
    </label>
  );
}

function Download({ job, attempt }: { job: Job; attempt: number }) {
  const [done, setDone] = useState<number>();
  const [fault, setFault] = useState("");
  const abort = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => abort.current?.abort(), []);
  if (!job.attempt) return null;
  const save = async () => {
    const stop = (abort.current = new AbortController());
    setFault("");
    setDone(0);
    try {
      const blob = await wholeLog({ id: job.id ?? "", attempt }, setDone, stop.signal);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${job.id}${attempt ? `-${attempt}` : ""}.log`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } catch (error) {
      if (!stop.signal.aborted) setFault(error instanceof Error ? error.message : String(error));
    }
    setDone(undefined);
  };
  return (
    <>
      <button type="button" disabled={done !== undefined} onClick={() => void save()}>
        {done === undefined ? t("run.log.save") : t("run.log.saving", { n: number(Math.round(done / 1024)) })}
      </button>
      {fault && (
        <span class="fault" role="alert">
          {fault}
        </span>
      )}
    </>
  );
}
