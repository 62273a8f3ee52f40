/** The days of a schedule in words: day of month, month, day of week, year. Pure. */
import { DAY, type Field, field, MONTH, one, unbroken, WEEKDAY, YEAR } from "./fields";
import { list, type Said } from "./said";

export interface Days {
  readonly day: string;
  readonly month: string;
  readonly weekday: string;
  readonly year: string;
}

const NONE: Said = { en: "", zh: "" };
const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const WEEKDAYS_ZH = ["日", "一", "二", "三", "四", "五", "六"];
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const ORDINALS = ["", "first", "second", "third", "fourth", "fifth"];

/** In English the days and, apart, of which months and years; in Chinese all of it. */
export interface SaidDays {
  readonly days: string;
  readonly rest: string;
  readonly zh: string;
}

/** Empty for every day; undefined for what cannot be said. `all`: both kinds of day must fit. */
export function days({ day, month, weekday, year }: Days, all: boolean): SaidDays | undefined {
  const [of, on, at] = [dayOfMonth(day), dayOfWeek(weekday), monthOf(month)];
  const in_ = yearOf(year);
  if (!of || !on || !at || !in_) return undefined;
  const both = of.en && on.en ? joined(of, on, all) : of.en ? of : on;
  const zh = at.zh + (both.zh ? (at.zh ? both.zh.replace(/^每月/, "") : both.zh) : at.zh && "的每天");
  return { days: both.en, rest: [at.en, in_.en].filter(Boolean).join(", "), zh: in_.zh + (in_.zh && !zh ? "的每天" : zh) };
}

function joined(day: Said, weekday: Said, all: boolean): Said {
  if (all) return { en: `${day.en} if that is ${bare(weekday.en)}`, zh: `${day.zh}且为${weekday.zh.replace(/^每/, "")}` };
  return { en: `${day.en} and also ${weekday.en}`, zh: `${day.zh}以及${weekday.zh}` };
}

function bare(text: string): string {
  return text.replace(/^on /, "").replace(/^Monday to Friday$/, "a day from Monday to Friday");
}

function dayOfMonth(text: string): Said | undefined {
  if (text === "L") return { en: "on the last day of the month", zh: "每月最后一天" };
  if (text === "LW") return { en: "on the last working day (Monday to Friday) of the month", zh: "每月最后一个工作日（周一至周五）" };
  const before = /^L-(\d+)$/.exec(text);
  if (before) {
    const count = Number(before[1]);
    const plural = count === 1 ? "day" : "days";
    return { en: `${count} ${plural} before the last day of the month`, zh: `每月最后一天的前 ${count} 天` };
  }
  const near = /^(\d+)W$/.exec(text);
  if (near) {
    const value = one(near[1] ?? "", DAY);
    if (value === undefined) return undefined;
    return { en: `on the working day (Monday to Friday) nearest to the ${ordinal(value)} of the month`, zh: `每月最接近 ${value} 日的工作日（周一至周五）` };
  }
  const found = field(text, DAY);
  if (found?.kind === "any") return NONE;
  if (found?.kind !== "values") return undefined;
  const { values } = found;
  if (unbroken(values)) {
    const [first = 1, last = 1] = [values[0], values.at(-1)];
    return { en: `from the ${ordinal(first)} to the ${ordinal(last)} of the month`, zh: `每月 ${first} 日至 ${last} 日` };
  }
  return { en: `on the ${list(values.map(ordinal), "en")} of the month`, zh: `每月 ${list(values.map(String), "zh")} 日` };
}

function dayOfWeek(text: string): Said | undefined {
  const nth = /^(\w+)#([1-5])$/.exec(text);
  if (nth) {
    const value = one(nth[1] ?? "", WEEKDAY);
    if (value === undefined) return undefined;
    const count = Number(nth[2]);
    return { en: `on the ${ORDINALS[count]} ${WEEKDAYS[value]} of the month`, zh: `每月第 ${count} 个周${WEEKDAYS_ZH[value]}` };
  }
  const last = /^(\w+)L$/.exec(text);
  const lastDay = last ? one(last[1] ?? "", WEEKDAY) : undefined;
  if (lastDay !== undefined) return { en: `on the last ${WEEKDAYS[lastDay]} of the month`, zh: `每月最后一个周${WEEKDAYS_ZH[lastDay]}` };
  const found = field(text, WEEKDAY);
  if (found?.kind === "any") return NONE;
  if (found?.kind !== "values") return undefined;
  const values = [...found.values].sort((a, b) => ((a + 6) % 7) - ((b + 6) % 7)); // the week begins on Monday
  if (values.length === 7) return undefined; // every day, but not as the server joins it with a day of the month
  if (values.join() === "1,2,3,4,5") return { en: "Monday to Friday", zh: "每周一至周五" };
  return { en: `on ${list(values.map((value) => WEEKDAYS[value] ?? ""), "en")}`, zh: `每周${list(values.map((value) => WEEKDAYS_ZH[value] ?? ""), "zh")}` };
}

function monthOf(text: string): Said | undefined {
  const found = field(text, MONTH);
  if (found?.kind === "any") return NONE;
  if (!found) return undefined;
  const values = found.kind === "every" ? MONTHS.map((_, at) => at + 1).filter((value) => (value - 1) % found.step === 0) : found.values;
  const name = (value: number | undefined) => MONTHS[(value ?? 1) - 1] ?? "";
  if (unbroken(values)) return { en: `from ${name(values[0])} to ${name(values.at(-1))}`, zh: `每年 ${values[0]} 月至 ${values.at(-1)} 月` };
  return { en: `in ${list(values.map(name), "en")}`, zh: `每年 ${list(values.map(String), "zh")} 月` };
}

function yearOf(text: string): Said | undefined {
  const found: Field | undefined = field(text, YEAR);
  if (found?.kind === "any") return NONE;
  if (found?.kind !== "values" || found.values.length > 3) return undefined;
  return { en: `only in ${list(found.values.map(String), "en")}`, zh: `仅 ${list(found.values.map(String), "zh")} 年` };
}

function ordinal(value: number): string {
  const tail = value % 100 > 10 && value % 100 < 14 ? "th" : (["th", "st", "nd", "rd"][value % 10] ?? "th");
  return `${value}${tail}`;
}
