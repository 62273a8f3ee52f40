/**
 * A schedule in words, English and Chinese. Pure.
 *
 * What cannot be said well is not said at all: no words are better than wrong ones, and the expression stands beside them.
 */
import { days } from "./days";
import { field, HOUR, MINUTE, SECOND, unbroken } from "./fields";
import { ownOf } from "../text/own";
import { list, type Said } from "./said";

/** Of the times of a day: whether they repeat through it, so that "every day" goes without saying. */
interface Times extends Said {
  readonly through: boolean;
}

const MOST_TIMES = 6;
const MACROS: Readonly<Record<string, string>> = {
  "@hourly": "0 * * * *",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@weekly": "0 0 * * 0",
  "@monthly": "0 0 1 * *",
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
};

/** `all`: day of month and day of week must both fit (a plan's `match`). Undefined: show the expression alone. */
export function inWords(expression: string, all = false): Said | undefined {
  const form = /^(?:(?:CRON_)?TZ=(\S+)\s+)?(.*)$/.exec(expression.trim());
  const zone = form?.[1];
  const said = sentence((form?.[2] ?? "").trim(), all);
  return said && zone ? { en: `${said.en} (${zone})`, zh: `${said.zh}（${zone}）` } : said;
}

function sentence(spec: string, all: boolean): Said | undefined {
  if (spec.startsWith("@every")) return every(spec.slice(6).trim());
  if (spec.startsWith("@at")) return { en: `Once, at ${spec.slice(3).trim()}`, zh: `仅一次：${spec.slice(3).trim()}` };
  const fields = (ownOf(MACROS, spec.toLowerCase()) ?? spec).split(/\s+/);
  if (fields.length < 5 || fields.length > 7) return undefined;
  const [second, minute, hour, day, month, weekday, year] = fields.length === 5 ? ["0", ...fields, "*"] : [...fields, "*"];
  const at = times(second ?? "", minute ?? "", hour ?? "");
  const on = days({ day: day ?? "", month: month ?? "", weekday: weekday ?? "", year: year ?? "" }, all);
  if (!at || !on) return undefined;
  const parts = at.through ? [at.en, on.days, on.rest] : [`${on.days || "every day"} ${at.en}`, on.rest];
  const zh = at.through ? [on.zh, at.zh].filter(Boolean).join("，") : `${on.zh || "每天"} ${at.zh}`;
  return { en: capital(parts.filter(Boolean).join(", ")), zh };
}

function every(text: string): Said | undefined {
  const [span = "", phase] = text.split("/");
  const said = duration(span);
  const shift = phase === undefined ? { en: "", zh: "" } : duration(phase);
  if (!said || !shift) return undefined;
  if (phase === undefined) return { en: `Every ${said.en}`, zh: `每 ${said.zh}` };
  return { en: `Every ${said.en}, shifted by ${shift.en}`, zh: `每 ${said.zh}，偏移 ${shift.zh}` };
}

const UNITS: Readonly<Record<string, Said>> = {
  d: { en: "d", zh: "天" },
  h: { en: "h", zh: "小时" },
  m: { en: "min", zh: "分钟" },
  s: { en: "s", zh: "秒" },
  ms: { en: "ms", zh: "毫秒" },
};

function duration(text: string): Said | undefined {
  const parts = [...text.matchAll(/(\d+)(ms|[dhms])/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== text) return undefined;
  const said = (language: keyof Said) => parts.map((part) => `${part[1]} ${UNITS[part[2] ?? ""]?.[language]}`).join(" ");
  return { en: said("en"), zh: said("zh") };
}

function times(second: string, minute: string, hour: string): Times | undefined {
  if (minute.startsWith("H") || hour.startsWith("H")) return second === "0" || second === "H" ? own(minute, hour) : undefined;
  const [seconds, minutes, hours] = [field(second, SECOND), field(minute, MINUTE), field(hour, HOUR)];
  if (!seconds || !minutes || !hours) return undefined;
  if (seconds.kind !== "values") {
    if (minutes.kind !== "any" || hours.kind !== "any") return undefined;
    return repeated(seconds.kind === "any" ? 1 : seconds.step, { en: "second", zh: "秒" });
  }
  if (seconds.values.length !== 1) return undefined;
  const tail = seconds.values[0] === 0 ? "" : `:${two(seconds.values[0] ?? 0)}`;
  if (minutes.kind === "values" && hours.kind === "values") {
    const times = hours.values.flatMap((hour) => minutes.values.map((minute) => `${two(hour)}:${two(minute)}${tail}`));
    if (times.length <= MOST_TIMES) return { ...clock(times), through: false };
  }
  if (tail) return undefined;
  return within(minutes, hours);
}

type Some = NonNullable<ReturnType<typeof field>>;

function within(minutes: Some, hours: Some): Times | undefined {
  const pace = minutes.kind === "values" ? undefined : repeated(minutes.kind === "any" ? 1 : minutes.step, { en: "minute", zh: "分钟" });
  if (minutes.kind !== "values" && !pace) return undefined;
  if (hours.kind === "any") return pace ?? hourly(minutes, 1);
  if (hours.kind === "every") return pace || 24 % hours.step !== 0 ? undefined : hourly(minutes, hours.step);
  const [first = 0, last = 0] = [hours.values[0], hours.values.at(-1)];
  if (!unbroken(hours.values) && hours.values.length > 1) return undefined;
  if (pace) return between(pace, `${two(first)}:00`, `${two(last)}:59`);
  if (minutes.kind !== "values" || minutes.values.length !== 1) return undefined;
  const minute = two(minutes.values[0] ?? 0);
  return between({ en: "every hour", zh: "每小时", through: true }, `${two(first)}:${minute}`, `${two(last)}:${minute}`);
}

function between(pace: Times, from: string, to: string): Times {
  return { en: `${pace.en} from ${from} to ${to}`, zh: `${from} 至 ${to} ${pace.zh}`, through: true };
}

/** Undefined when the last step before the next hour or minute is shorter than the others. */
function repeated(step: number, unit: Said): Times | undefined {
  if (60 % step !== 0 || step === 60) return undefined;
  if (step === 1) return { en: `every ${unit.en}`, zh: `每${unit.zh}`, through: true };
  return { en: `every ${step} ${unit.en}s`, zh: `每 ${step} ${unit.zh}`, through: true };
}

function hourly(minutes: Some, step: number): Times | undefined {
  if (minutes.kind !== "values" || minutes.values.length > MOST_TIMES) return undefined;
  const pace = step === 1 ? { en: "every hour", zh: "每小时" } : { en: `every ${step} hours`, zh: `每 ${step} 小时` };
  const values = minutes.values.map(String);
  if (values.length === 1 && values[0] === "0") return { en: `${pace.en}, on the hour`, zh: `${pace.zh}整点`, through: true };
  const plural = values.length > 1 ? "minutes" : "minute";
  return { en: `${pace.en} at ${plural} ${list(values, "en")}`, zh: `${pace.zh}的第 ${list(values, "zh")} 分`, through: true };
}

/** `H`: a time that the server chooses, always the same for one plan. */
function own(minute: string, hour: string): Times | undefined {
  const step = /^H\/(\d+)$/.exec(minute);
  if (step && hour === "*") {
    const pace = repeated(Number(step[1]), { en: "minute", zh: "分钟" });
    return pace && { en: `${pace.en}, from a minute of its own`, zh: `${pace.zh}（起始分钟由计划决定）`, through: true };
  }
  if (minute === "H" && hour === "*") return { en: "every hour at a minute of its own", zh: "每小时一次（分钟由计划决定）", through: true };
  if (minute === "H" && hour === "H") return { en: "at a time of its own", zh: "一次（时间由计划决定）", through: false };
  const hours = field(hour, HOUR);
  if (minute === "H" && hours?.kind === "values" && hours.values.length === 1) {
    const at = two(hours.values[0] ?? 0);
    return { en: `between ${at}:00 and ${at}:59, at a minute of its own`, zh: `${at}:00 至 ${at}:59 之间（分钟由计划决定）`, through: false };
  }
  return undefined;
}

function clock(times: readonly string[]): Said {
  return { en: `at ${list(times, "en")}`, zh: list(times, "zh") };
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
