/**
 * How the last runs of the plans in sight ended.
 *
 * Asked for together, for plans that come into sight and for those of which a run has ended, at most once a second.
 */
import { signal } from "@preact/signals";
import type { PlanOutcomes } from "../api/types";
import { planKey } from "./store";

const PAUSE = 1000;
const AT_ONCE = 50;
const KEPT = 1000;

type Read = (namespace: string, ids: readonly string[]) => Promise<readonly PlanOutcomes[]>;

interface Wanted {
  readonly namespace: string;
  readonly id: string;
  count: number;
}

export class Outcomes {
  /** Grows whenever something was read. */
  readonly version = signal(0);
  private readonly known = new Map<string, PlanOutcomes>();
  private readonly wanted = new Map<string, Wanted>();
  private readonly stale = new Set<string>();
  private waiting = false;

  constructor(private readonly ask: Read) {}

  of(namespace: string, id: string): PlanOutcomes | undefined {
    return this.known.get(planKey(namespace, id));
  }

  /** The plan is in sight until what is returned is called. */
  want(namespace: string, id: string): () => void {
    const key = planKey(namespace, id);
    const wanted = this.wanted.get(key) ?? { namespace, id, count: 0 };
    wanted.count++;
    this.wanted.set(key, wanted);
    if (wanted.count === 1) this.soon(key, 0);
    return () => {
      if (--wanted.count > 0) return;
      this.wanted.delete(key);
      this.stale.delete(key);
      if (this.known.size > KEPT) this.known.delete(key);
    };
  }

  /** A run of the plan has ended. */
  ended(namespace: string, id: string): void {
    const key = planKey(namespace, id);
    if (this.wanted.has(key)) this.soon(key, PAUSE);
  }

  /** Something may have been missed. */
  again(): void {
    for (const key of this.wanted.keys()) this.soon(key, 0);
  }

  private soon(key: string, wait: number): void {
    this.stale.add(key);
    if (this.waiting) return;
    this.waiting = true;
    setTimeout(() => void this.read(), wait);
  }

  private async read(): Promise<void> {
    const spaces = new Map<string, string[]>();
    for (const key of this.stale) {
      const wanted = this.wanted.get(key);
      if (wanted) spaces.set(wanted.namespace, [...(spaces.get(wanted.namespace) ?? []), wanted.id]);
    }
    this.stale.clear();
    for (const [namespace, ids] of spaces) for (let at = 0; at < ids.length; at += AT_ONCE) await this.piece(namespace, ids.slice(at, at + AT_ONCE));
    this.version.value++;
    setTimeout(() => {
      this.waiting = false;
      const [key] = this.stale;
      if (key !== undefined) this.soon(key, 0);
    }, PAUSE);
  }

  private async piece(namespace: string, ids: readonly string[]): Promise<void> {
    try {
      for (const told of await this.ask(namespace, ids)) this.known.set(planKey(namespace, told.id ?? ""), told);
    } catch {
      return; // what was known stays; it is asked for again when the connection is back or a run ends
    }
  }
}
