/** When a plan fires: in words where that can be said well, and always as the expression. */
import type { Plan } from "../api/types";
import { inWords } from "../schedule/words";
import { language } from "../settings";
import { t } from "../text";

export function Schedule({ plan }: { plan: Pick<Plan, "periodic" | "match"> }) {
  const spec = plan.periodic?.spec;
  if (!spec) return <>{t("plan.manual")}</>;
  const said = inWords(spec, plan.match === "all")?.[language.value];
  return (
    <span class="schedule" title={[said, spec, plan.periodic?.time_zone].filter(Boolean).join(" · ")}>
      {said && <span>{said}</span>} <code>{spec}</code> <small class="soft">{plan.periodic?.time_zone}</small>
    </span>
  );
}
