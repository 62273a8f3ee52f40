/** A time in the zone that the viewer has chosen, always with its offset. */
import { viewerZone, zone as chosen } from "../settings";
import { inZone } from "../time";

export function When({ time, zone }: { time: string | undefined; zone: string | undefined }) {
  if (!time) return null;
  const shown = chosen.value === "viewer" ? viewerZone : (zone ?? "");
  return (
    <time dateTime={time} title={shown || "UTC"}>
      {inZone(time, shown)}
    </time>
  );
}
