/** What the viewer has chosen, kept in this browser. */
import { effect, type Signal, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";
export type Language = "en" | "zh";
export type Zone = "plan" | "viewer";

export const theme = kept<Theme>("theme", ["system", "light", "dark"], "system");
export const language = kept<Language>("language", ["en", "zh"], navigator.language.startsWith("zh") ? "zh" : "en");
export const zone = kept<Zone>("zone", ["plan", "viewer"], "plan");
export const viewerZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
/** Whether dark colors are shown. */
export const dark = signal(false);

const system = matchMedia("(prefers-color-scheme: dark)");
const look = () => {
  dark.value = theme.value === "system" ? system.matches : theme.value === "dark";
};
system.addEventListener("change", look);
effect(look);
effect(() => {
  document.documentElement.dataset.theme = dark.value ? "dark" : "light";
});
effect(() => {
  document.documentElement.lang = language.value;
});

function kept<Word extends string>(name: string, words: readonly Word[], first: Word): Signal<Word> {
  const found = words.find((word) => word === read(name));
  const value = signal<Word>(found ?? first);
  let told = value.peek();
  effect(() => {
    if (value.value === told) return;
    told = value.value;
    write(name, told);
  });
  return value;
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(`jobpool.${name}`);
  } catch {
    return null; // this browser keeps nothing: the choice lasts as long as the page
  }
}

function write(name: string, word: string): void {
  try {
    localStorage.setItem(`jobpool.${name}`, word);
  } catch {
    return; // as above
  }
}
