/** Texts in the viewer's language; whatever uses them is drawn anew when that changes. */
import { language } from "../settings";
import type { Key } from "./en";
import { STATES } from "./terms.zh";
import { term as termIn } from "./why";
import { DICTIONARIES, isKey, say } from "./words";

export function t(key: Key, values?: Readonly<Record<string, string | number>>): string {
  return say(DICTIONARIES[language.value], key, values);
}

/** A status in the viewer's language; one that has no translation as it is. */
export function status(word: string): string {
  const key = `status.${word}`;
  return isKey(key) ? t(key) : word;
}

/** A reason, trigger or verdict of the server: its code, in Chinese a word for it. */
export function term(word: string | undefined): string {
  return word ? termIn(word, language.value) : "";
}

/** What the server says of a node's state; in Chinese where that is known. */
export function stated(text: string | undefined): string {
  return (language.value === "zh" && text !== undefined && STATES[text]) || (text ?? "");
}

export function number(value: number): string {
  return value.toLocaleString(language.value);
}

/** A size, as `1.5 GB`. */
export function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = Math.min(units.length - 1, count > 0 ? Math.floor(Math.log10(count) / 3) : 0);
  return `${(count / 1000 ** step).toLocaleString(language.value, { maximumFractionDigits: 1 })} ${units[step]}`;
}

const LEAST = 0.001;

/** A part of a whole, as `12%` or `1.2%`; what is there is never `0%`, and what is not all never `100%`. */
export function percent(part: number, whole: number): string {
  const value = whole > 0 ? part / whole : 0;
  const fine = (value > 0 && value < 0.1) || (value > 0.99 && value < 1);
  const said = (share: number) => share.toLocaleString(language.value, { style: "percent", maximumFractionDigits: fine ? 1 : 0 });
  if (value > 0 && value < LEAST) return `<${said(LEAST)}`;
  return value > 1 - LEAST && value < 1 ? `>${said(1 - LEAST)}` : said(value);
}
