/** A choice of one plan among those that have live runs; of very many the first are offered. */
import { useState } from "preact/hooks";
import { store } from "../live";
import { t } from "../text";
import { useTyped } from "./Search";

const OFFERED = 1000;

export function PlanChoice({ value, namespace }: { value: string; namespace: string }) {
  const [words, setWords] = useState<readonly string[]>([]);
  return (
    <label class="choice">
      {t("filter.plan")}
      <input
        type="search"
        class="plan"
        list="live-plans"
        placeholder={t("filter.all")}
        {...useTyped("plan", value)}
        onFocus={() => setWords(livePlans(namespace))}
      />
      <datalist id="live-plans">
        {words.map((word) => (
          <option key={word} value={word} />
        ))}
      </datalist>
    </label>
  );
}

function livePlans(namespace: string): readonly string[] {
  const plans = new Set<string>();
  for (const run of store.runs.values()) if (!namespace || run.namespace === namespace) plans.add(run.plan);
  return [...plans].sort().slice(0, OFFERED);
}
