/** What a plan runs, and by which rules: what differs from the usual, and its parameters. */
import type { Plan } from "../api/types";
import { Fact } from "../parts/Fact";
import { When } from "../parts/When";
import { t, term } from "../text";
import { isKey } from "../text/words";

export function PlanFacts({ plan }: { plan: Plan }) {
  const zone = plan.periodic?.time_zone;
  const spec = plan.periodic?.spec;
  return (
    <section>
      <h2>{t("plan.facts")}</h2>
      <dl class="facts">
        <Fact name={t("form.executor")}>{plan.executor}</Fact>
        <Fact name={t("run.parameters")}>{plan.parameters && <pre>{plan.parameters}</pre>}</Fact>
        <Fact name={t("form.timeout")}>{plan.timeout}</Fact>
        <Fact name={t("form.attempts")}>{retries(plan)}</Fact>
        <Fact name={t("form.overlap")}>{word(plan.overlap)}</Fact>
        <Fact name={t("form.catchup")}>{spec && late(plan)}</Fact>
        <Fact name={t("form.start")}>{plan.periodic?.start_time && <When time={plan.periodic.start_time} zone={zone} />}</Fact>
        <Fact name={t("form.end")}>{plan.periodic?.end_time && <When time={plan.periodic.end_time} zone={zone} />}</Fact>
        <Fact name={t("form.match")}>{spec && plan.match !== "any" && word(plan.match)}</Fact>
        <Fact name={t("form.gap")}>{spec && plan.dst?.gap !== "run-after" && word(plan.dst?.gap)}</Fact>
        <Fact name={t("form.overlap.dst")}>{spec && plan.dst?.overlap !== "first" && word(plan.dst?.overlap)}</Fact>
        <Fact name={t("form.delivery")}>{plan.delivery !== "at-least-once" && word(plan.delivery)}</Fact>
        <Fact name={t("plan.priority")}>{Number(plan.priority) !== 50 && plan.priority}</Fact>
        <Fact name={t("form.strategy")}>{plan.strategy && word(plan.strategy)}</Fact>
        <Fact name={t("plan.labels")}>{plan.labels && <Labels labels={plan.labels} />}</Fact>
      </dl>
    </section>
  );
}

function Labels({ labels }: { labels: NonNullable<Plan["labels"]> }) {
  return (
    <>
      {Object.entries(labels)
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([name, value]) => (
          <code key={name} class="label">
            {value ? `${name}=${value}` : name}
          </code>
        ))}
    </>
  );
}

function retries({ retry }: Plan): string {
  if (!retry?.attempts) return "0";
  const pause = t("plan.retries", { n: retry.attempts, first: retry.backoff ?? "", most: retry.max_backoff ?? "" });
  return retry.on?.length ? `${pause} · ${t("plan.retries.on", { reasons: retry.on.map(term).join(", ") })}` : pause;
}

function late({ catch_up }: Plan): string {
  const mode = catch_up?.mode === "all" ? t("word.every") : word(catch_up?.mode);
  const window = catch_up?.window && t("plan.window", { span: catch_up.window });
  const rate = catch_up?.rate_per_minute && t("plan.rate", { n: catch_up.rate_per_minute });
  return [mode, window, rate].filter(Boolean).join(" · ");
}

/** A word of the API as the form of a plan says it. */
function word(text: string | undefined): string {
  const key = `word.${text}`;
  return isKey(key) ? t(key) : (text ?? "");
}
