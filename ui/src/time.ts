/** Times and spans as text. Pure; times are those of the API, RFC 3339. */

const makers = new Map<string, Intl.DateTimeFormat>();

/** `2026-03-29 03:00:00 +02:00` in that zone; in UTC when the zone is empty or unknown. Empty for no time. */
export function inZone(time: string | undefined, zone: string): string {
  const at = time ? Date.parse(time) : Number.NaN;
  if (Number.isNaN(at)) return "";
  const parts = new Map(maker(zone).formatToParts(at).map((part) => [part.type, part.value]));
  const get = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? "";
  const offset = get("timeZoneName").replace(/^(GMT|UTC)/, "") || "+00:00";
  return `${get("year")}-${get("month")}-${get("day")} ${get("hour")}:${get("minute")}:${get("second")} ${offset}`;
}

/** Milliseconds that the clocks of a zone are ahead of UTC; of an unknown zone 0. */
export function offsetIn(zone: string, at: number): number {
  const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)$/.exec(inZone(new Date(at).toISOString(), zone)) ?? [];
  return (sign === "-" ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000;
}

function maker(zone: string): Intl.DateTimeFormat {
  const found = makers.get(zone);
  if (found) return found;
  let made: Intl.DateTimeFormat;
  try {
    made = make(zone || "UTC");
  } catch {
    made = make("UTC");
  }
  makers.set(zone, made);
  return made;
}

function make(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en-CA", {
    timeZone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
    timeZoneName: "longOffset",
  });
}

/** Whether the clock of the zone is changed on the day of that time. */
export function clockChange(time: string, zone: string): "forward" | "back" | undefined {
  const [hour = 0, minute = 0, second = 0] = inZone(time, zone).slice(11, 19).split(":").map(Number);
  const begin = Date.parse(time) - ((hour * 60 + minute) * 60 + second) * 1000;
  const change = offsetIn(zone, begin + LAST_SECOND) - offsetIn(zone, begin);
  if (change === 0) return undefined;
  return change > 0 ? "forward" : "back";
}

const LAST_SECOND = (24 * 3600 - 1) * 1000;

/** As an input of a time wants it, by the clock of the browser; empty for no time. */
export function localTime(time: string): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return "";
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** Milliseconds between two times; undefined when one is missing. */
export function between(from: string | undefined, to: string | undefined): number | undefined {
  if (!from || !to) return undefined;
  const span = Date.parse(to) - Date.parse(from);
  return Number.isNaN(span) ? undefined : span;
}

/** `15 ms`, `2.3 s`, `1 m 05 s`, `2 h 03 m`, `3 d 4 h`. */
export function span(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return "";
  if (milliseconds < 0) return `-${span(-milliseconds)}`;
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} m`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
