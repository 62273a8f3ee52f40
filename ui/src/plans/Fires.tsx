/** The next ticks, those on days when the clock changes marked. */
import type { Preview } from "../api/types";
import { When } from "../parts/When";
import { t } from "../text";

export function FireList({ fires, zone }: { fires: Preview; zone: string }) {
  if (!fires.data?.length) return <p class="soft">{t("plan.fires.none")}</p>;
  return (
    <ul class="fires">
      {fires.data.map((tick) => (
        <li key={tick.time}>
          <When time={tick.time} zone={tick.time_zone ?? zone} />{" "}
          {tick.dst && <mark>{t(tick.dst === "gap" ? "plan.dst.gap" : "plan.dst.overlap")}</mark>}
        </li>
      ))}
    </ul>
  );
}
