/** Filling texts in, in one language. Pure. */
import { en, type Key, type Words } from "./en";
import { zh } from "./zh";

export const DICTIONARIES: Readonly<Record<"en" | "zh", Words>> = { en, zh };

export function say(words: Words, key: Key, values: Readonly<Record<string, string | number>> = {}): string {
  return words[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

export function isKey(text: string): text is Key {
  return Object.hasOwn(en, text);
}
