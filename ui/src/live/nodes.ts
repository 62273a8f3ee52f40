/** What nodes tell of themselves: when they were heard, and what their machines have. Pure. */
import type { NodeSeen, Resources } from "../api/types";

type Seen = ReadonlyMap<string, NodeSeen>;

/** What is known after one more answer; of the nodes before, those that are still `there`. Pure. */
export function seen(before: Seen, told: readonly NodeSeen[], there: (id: string) => boolean): Seen {
  if (told.length === 0) return before;
  return new Map([...[...before].filter(([id]) => there(id)), ...told.map((one) => [one.id, one] as const)]);
}

/** How much of something is in use. */
export interface Use {
  readonly used: number;
  readonly whole: number;
}

export type Kind = "cpu" | "memory" | "disk";

/** Of processors (one is 1), memory or disk (bytes); undefined when that is not known. Pure. */
export function inUse(resources: Resources | undefined, kind: Kind): Use | undefined {
  const amount = (name: keyof Resources) => (resources?.[name] === undefined ? undefined : Number(resources[name]));
  const of = (used: number | undefined, whole: number | undefined): Use | undefined => (used === undefined || !whole ? undefined : { used: Math.min(used, whole), whole });
  if (kind === "cpu") {
    const use = of(amount("millicpus_used"), amount("millicpus"));
    return use && { used: use.used / 1000, whole: use.whole / 1000 };
  }
  if (kind === "memory") return of(amount("memory_used"), amount("memory"));
  const [free, whole] = [amount("disk_free"), amount("disk")];
  return free === undefined || whole === undefined ? undefined : of(Math.max(0, whole - free), whole);
}
