import { describe, expect, it } from "vitest";
import { inWords } from "../src/schedule/words";

const CASES: readonly (readonly [string, string, string])[] = [
  ["* * * * *", "Every minute", "每分钟"],
  ["*/15 * * * *", "Every 15 minutes", "每 15 分钟"],
  ["*/10 * * * * *", "Every 10 seconds", "每 10 秒"],
  ["* * * * * *", "Every second", "每秒"],
  ["0 * * * *", "Every hour, on the hour", "每小时整点"],
  ["5,35 * * * *", "Every hour at minutes 5 and 35", "每小时的第 5、35 分"],
  ["30 2 * * *", "Every day at 02:30", "每天 02:30"],
  ["15 30 2 * * *", "Every day at 02:30:15", "每天 02:30:15"],
  ["0 9,17 * * MON-FRI", "Monday to Friday at 09:00 and 17:00", "每周一至周五 09:00、17:00"],
  ["0 9 * * 1-5", "Monday to Friday at 09:00", "每周一至周五 09:00"],
  ["0 9 ? * FRI-MON", "On Monday, Friday, Saturday and Sunday at 09:00", "每周一、五、六、日 09:00"],
  ["0 9 * * 7", "On Sunday at 09:00", "每周日 09:00"],
  ["*/15 9-17 * * 1-5", "Every 15 minutes from 09:00 to 17:59, Monday to Friday", "每周一至周五，09:00 至 17:59 每 15 分钟"],
  ["30 8-18 * * *", "Every hour from 08:30 to 18:30", "08:30 至 18:30 每小时"],
  ["*/5 3 * * *", "Every 5 minutes from 03:00 to 03:59", "03:00 至 03:59 每 5 分钟"],
  ["0 */6 * * *", "Every 6 hours, on the hour", "每 6 小时整点"],
  ["0 0 1,15 * *", "On the 1st and 15th of the month at 00:00", "每月 1、15 日 00:00"],
  ["0 0 22-23 * *", "On the 22nd and 23rd of the month at 00:00", "每月 22、23 日 00:00"],
  ["0 0 1-7 * *", "From the 1st to the 7th of the month at 00:00", "每月 1 日至 7 日 00:00"],
  ["0 0 L * *", "On the last day of the month at 00:00", "每月最后一天 00:00"],
  ["0 0 L-3 * *", "3 days before the last day of the month at 00:00", "每月最后一天的前 3 天 00:00"],
  ["0 18 LW * *", "On the last working day (Monday to Friday) of the month at 18:00", "每月最后一个工作日（周一至周五） 18:00"],
  ["0 18 15W * *", "On the working day (Monday to Friday) nearest to the 15th of the month at 18:00", "每月最接近 15 日的工作日（周一至周五） 18:00"],
  ["0 3 * * TUE#2", "On the second Tuesday of the month at 03:00", "每月第 2 个周二 03:00"],
  ["0 3 * * 5L", "On the last Friday of the month at 03:00", "每月最后一个周五 03:00"],
  ["0 0 1 1,7 *", "On the 1st of the month at 00:00, in January and July", "每年 1、7 月 1 日 00:00"],
  ["0 0 13 * 5", "On the 13th of the month and also on Friday at 00:00", "每月 13 日以及每周五 00:00"],
  ["0 0 0 1 1 ? 2027", "On the 1st of the month at 00:00, in January, only in 2027", "仅 2027 年每年 1 月 1 日 00:00"],
  ["0 0 L */3 *", "On the last day of the month at 00:00, in January, April, July and October", "每年 1、4、7、10 月最后一天 00:00"],
  ["0 9 * * 5-7", "On Friday, Saturday and Sunday at 09:00", "每周五、六、日 09:00"],
  ["@daily", "Every day at 00:00", "每天 00:00"],
  ["@weekly", "On Sunday at 00:00", "每周日 00:00"],
  ["@every 90s", "Every 90 s", "每 90 秒"],
  ["@every 1h30m/5m", "Every 1 h 30 min, shifted by 5 min", "每 1 小时 30 分钟，偏移 5 分钟"],
  ["@at 2027-01-01T00:00:00Z", "Once, at 2027-01-01T00:00:00Z", "仅一次：2027-01-01T00:00:00Z"],
  ["TZ=Europe/Berlin 0 9 * * *", "Every day at 09:00 (Europe/Berlin)", "每天 09:00（Europe/Berlin）"],
  ["H * * * *", "Every hour at a minute of its own", "每小时一次（分钟由计划决定）"],
  ["H H * * 1", "On Monday at a time of its own", "每周一 一次（时间由计划决定）"],
  ["H 3 * * *", "Every day between 03:00 and 03:59, at a minute of its own", "每天 03:00 至 03:59 之间（分钟由计划决定）"],
  ["H/15 * * * *", "Every 15 minutes, from a minute of its own", "每 15 分钟（起始分钟由计划决定）"],
];

describe("a schedule in words", () => {
  it.each(CASES)("%s", (spec, en, zh) => {
    expect(inWords(spec)).toEqual({ en, zh });
  });

  // Each of these has a plain phrase that would be wrong.
  it.each([
    "*/7 * * * *", // the last step of an hour is shorter
    "0 */5 * * *", // so is that of a day
    "*/45 * * * * *",
    "0 0 */2 * *", // odd days, and twice in a row where a month has 31
    "0 9 * * */2",
    "0 0 * * 0-6", // restricted: joined with a day of the month it is another rule
    "0 9 * * 0-7",
    "0 9 * * 1/2",
    "*/20 */2 * * *",
    "0 9,11,14 1 1 *,2",
    "1,2,3,4,5,6,7 * * * *",
    "H(0-29)/10 * * * *",
    "5/10 2-4,8 * * *",
    "0 0 L,15 * *",
    "@every soon",
    "@noon",
    "61 * * * *",
    "* * *",
    "",
  ])("%s is not said", (spec) => {
    expect(inWords(spec)).toBeUndefined();
  });

  it("of words that every object has is none", () => {
    for (const spec of ["constructor", "__proto__", "toString", "@constructor"]) expect(inWords(spec)).toBeUndefined();
  });

  it("says how days of month and week join where both must fit", () => {
    expect(inWords("0 0 13 * 5", true)).toEqual({ en: "On the 13th of the month if that is Friday at 00:00", zh: "每月 13 日且为周五 00:00" });
  });
});
