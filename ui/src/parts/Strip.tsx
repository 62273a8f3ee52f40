/** The last ends of a plan, the newest on the right, and the figures beside it. */
import type { PlanOutcomes } from "../api/types";
import { useOutcomes } from "../live/plans";
import { to } from "../route";
import { number, percent, status, t, term } from "../text";
import { span } from "../time";

const ENDS = 20;

interface Name {
  namespace: string;
  id: string;
}

/** One picture for a table; `links`: each end leads to its run. */
export function Strip({ namespace, id, links }: Name & { links?: boolean }) {
  const told = useOutcomes(namespace, id);
  if (!told) return <span class="strip" />;
  const ends = [...(told.ends ?? [])].reverse();
  if (ends.length === 0) return <small class="soft">{t("strip.none")}</small>;
  const blank = Array.from({ length: ENDS - ends.length }, (_, at) => <i key={at} aria-hidden="true" />);
  const name = (end: (typeof ends)[number]) => [status(end.status ?? ""), term(end.reason), span(millis(end.duration_ms))].filter(Boolean).join(" · ");
  if (links)
    return (
      <span class="strip large">
        {blank}
        {ends.map((end) => (
          <a key={end.job_id} class={`is-${end.status}`} href={to.run(end.job_id ?? "")} title={name(end)} aria-label={name(end)} />
        ))}
      </span>
    );
  return (
    <span class="strip" role="img" aria-label={summary(told)}>
      {blank}
      {ends.map((end) => (
        <i key={end.job_id} class={`is-${end.status}`} title={name(end)} />
      ))}
    </span>
  );
}

function summary(told: PlanOutcomes): string {
  const ends = told.ends ?? [];
  return t("strip.label", { n: ends.length, good: told.succeeded ?? 0, last: status(ends[0]?.status ?? "") });
}

/** `label` stands before the figure where no head of a table says what it is. */
export function Rate({ namespace, id, label }: Name & { label?: string }) {
  const told = useOutcomes(namespace, id);
  const [good, all] = [told?.succeeded ?? 0, told?.counted ?? 0];
  if (all === 0) return <></>;
  return (
    <span title={t("strip.rate", { good: number(good), all: number(all) })}>
      {label && <span class="soft">{label} </span>}
      <span class={good === all ? "" : "bad"}>{percent(good, all)}</span>
    </span>
  );
}

export function Took({ namespace, id, label }: Name & { label?: string }) {
  const told = useOutcomes(namespace, id);
  if (told?.median_ms === undefined) return <></>;
  return (
    <span>
      {label && <span class="soft">{label} </span>}
      <span title={t("strip.median")}>{span(millis(told.median_ms))}</span>{" "}
      <small class="soft" title={t("strip.p95")}>
        ≤ {span(millis(told.p95_ms))}
      </small>
    </span>
  );
}

/** 64-bit numbers come as text. */
function millis(value: string | number | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}
