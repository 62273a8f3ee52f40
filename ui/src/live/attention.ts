/**
 * Whether somebody may be looking at this tab.
 *
 * A browser gives all its tabs six connections to one server. A tab that holds one while nobody sees it takes it from
 * one that is looked at: the seventh tab would never connect. So who is not looked at lets go, and catches up later.
 */
import { type Signal, signal } from "@preact/signals";

/** Who looks back soon finds everything as it was. */
const GRACE = 4_000;

export const attended: Signal<boolean> = signal(!document.hidden);
let leaving: ReturnType<typeof setTimeout> | undefined;

document.addEventListener("visibilitychange", () => {
  clearTimeout(leaving);
  if (document.hidden) leaving = setTimeout(() => (attended.value = false), GRACE);
  else attended.value = true;
});
