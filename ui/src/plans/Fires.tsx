/** The next ticks, those on days when the clock changes marked. */
import type { Preview, Tick } from "../api/types";
import { When } from "../parts/When";
import { t } from "../text";
import { clockChange } from "../time";

export function FireList({ fires, zone }: { fires: Preview; zone: string }) {
  if (!fires.data?.length) return <p class="soft">{t("plan.fires.none")}</p>;
  const named = fires.data[0]?.time_zone ?? zone;
  return (
    <>
      <p class="soft zone" translate={false}>
        {named}
      </p>
      <ul class="fires">
        {fires.data.map((tick) => (
          <li key={tick.time}>
            <When time={tick.time} zone={named} /> <Clock tick={tick} zone={named} />
          </li>
        ))}
      </ul>
    </>
  );
}

/** That the change of the clock touches the tick itself, or only its day. */
function Clock({ tick, zone }: { tick: Tick; zone: string }) {
  if (tick.dst) return <mark>{t(tick.dst === "gap" ? "plan.dst.gap" : "plan.dst.overlap")}</mark>;
  const change = clockChange(tick.time ?? "", zone);
  return change ? <mark>{t(`plan.dst.${change}`)}</mark> : null;
}
