/** What is known of the cluster now: the fold of the stream's changes. Pure but for the signals that tell of it. */
import { signal } from "@preact/signals";
import type { Change, Job, Namespace, Node, Plan } from "../api/types";
import { type Cell, RETRYING, RUNNING, Slots, UNKNOWN, WAITING } from "../map/slots";
import type { ServerEvent } from "./events";

/** A run that has not ended, as little of it as the map needs. */
export interface Run {
  readonly id: string;
  readonly namespace: string;
  readonly plan: string;
  readonly name: string;
  readonly status: string;
  readonly executor: string;
  readonly reason: string;
  readonly node: string;
  readonly attempt: number;
  readonly due: string;
  readonly created: string;
  readonly started: string;
  readonly finished: string;
  readonly zone: string;
  readonly trigger: string;
}

export class Space {
  /** 0 = not told yet. */
  limit = 0;
  readonly slots = new Slots();
  /** Runs that wait without a slot. */
  readonly queue = new Set<string>();
  /** Slots that have changed since they were painted. */
  changed = new Set<number>();

  constructor(readonly name: string) {}

  /** How many runs have not ended. */
  get live(): number {
    return this.slots.counts.reduce((sum, count) => sum + count, this.queue.size);
  }

  /** Leave out what is free beyond the limit. */
  fit(): void {
    if (this.limit > 0) this.slots.trim(this.limit);
  }

  /** How many slots are drawn: runs beyond the limit are there too. */
  get size(): number {
    return Math.max(this.limit, this.slots.used);
  }
}

const LIVE = new Set(["pending", "running", "unknown"]);
/** Ends that somebody should look at. */
export const FAILED: ReadonlySet<string> = new Set(["failed", "expired"]);
const NO_SLOT = new Set(["no_slot", "catch_up_rate"]);
const KEPT = 100;
const RECENT = 500;

export class Store {
  readonly spaces = new Map<string, Space>();
  readonly runs = new Map<string, Run>();
  /** Those that somebody looks at and that have changed since. The server lists them; there may be very many. */
  readonly plans = new Map<string, Plan>();
  readonly nodes = new Map<string, Node>();
  /** How many live runs each executor has. */
  readonly executors = new Map<string, number>();
  /** The newest ends, newest first. */
  ended: Run[] = [];
  /** Of these the ones that went wrong: many more may have ended well since. */
  failed: Run[] = [];
  /** How many went wrong since the page was opened, by namespace. */
  readonly failures = new Map<string, number>();
  /** Grows whenever anything has changed. */
  readonly version = signal(0);
  /** Grows when a plan comes, goes or is changed; not by its runs. */
  readonly schedules = signal(0);
  /** Whether everything there is has been told once. */
  readonly whole = signal(false);
  /** Each is told of every run that ends. */
  readonly listeners = new Set<(run: Run) => void>();
  /** Each is told of every live run that comes or changes, and of one that is live no more (undefined). */
  readonly followers = new Set<(id: string, run: Run | undefined) => void>();
  /** A plan was there lately; else the server has to be asked whether there is one. */
  planned = false;
  /** How many plans have gone. */
  unplanned = 0;
  /** The newest changes: what comes between the server's answer and a look at it. */
  private readonly recent = new Map<string, Plan>();
  private readonly looked = new Map<string, number>();
  private readonly watched = new Map<string, { count: number; tell: () => void }[]>();
  private seen: Set<string> | undefined;
  private telling = false;

  /** `soon` runs what it is given, once: at once or with the next frame, so that many changes are drawn together. */
  constructor(private readonly soon: (run: () => void) => void = (run) => run()) {}

  /** A stream has begun; `anew`: nothing is known of whom it is from. */
  begin(anew: boolean): void {
    if (anew) {
      this.ended = [];
      this.failed = [];
      this.failures.clear();
    }
    this.seen = anew ? new Set() : undefined;
  }

  take(events: readonly ServerEvent[]): void {
    for (const event of events) {
      if (event.name === "reset") this.seen = new Set();
      else if (event.data) this.apply(JSON.parse(event.data) as Change);
      if (event.id && this.seen) this.complete(this.seen);
    }
    if (this.telling) return;
    this.telling = true;
    this.soon(() => {
      this.telling = false;
      this.version.value++;
    });
  }

  apply(change: Change): void {
    const key = keyOf(change.kind, change.namespace ?? "", change.id);
    if (change.action === "set") this.seen?.add(key);
    if (change.kind === "job") change.job ? this.job(change.job) : this.lost(change.id);
    else if (change.kind === "namespace") this.namespace(change.id, change.namespace_item);
    else if (change.kind === "plan") {
      if (change.plan === undefined || change.plan.revision === change.n) this.schedules.value++;
      this.plan(planKey(change.namespace ?? "", change.id), change.plan);
    } else if (change.kind === "node") keep(this.nodes, change.id, change.node);
    for (const watcher of this.watched.get(key) ?? []) watcher.tell();
  }

  /** Call `tell` whenever this has changed; what is returned ends it. */
  watch(kind: Change["kind"], namespace: string, id: string, tell: () => void): () => void {
    const key = keyOf(kind, namespace, id);
    const watchers = this.watched.get(key) ?? [];
    const own = { count: 0, tell };
    this.watched.set(key, [...watchers, own]);
    return () => {
      const others = (this.watched.get(key) ?? []).filter((one) => one !== own);
      others.length > 0 ? this.watched.set(key, others) : this.watched.delete(key);
    };
  }

  /** Keep what changes of these plans, until what is returned is called. */
  lookAt(keys: readonly string[]): () => void {
    for (const key of keys) {
      this.looked.set(key, (this.looked.get(key) ?? 0) + 1);
      const plan = this.plans.get(key) ?? this.recent.get(key);
      if (plan) this.plans.set(key, plan);
    }
    return () => {
      for (const key of keys) {
        const left = (this.looked.get(key) ?? 1) - 1;
        if (left > 0) this.looked.set(key, left);
        else {
          this.looked.delete(key);
          this.plans.delete(key);
        }
      }
    };
  }

  private plan(key: string, plan: Plan | undefined): void {
    this.planned = plan !== undefined;
    if (plan === undefined) this.unplanned++;
    if (this.looked.has(key)) keep(this.plans, key, plan);
    this.recent.delete(key);
    if (plan) this.recent.set(key, plan);
    const oldest = this.recent.size > RECENT ? this.recent.keys().next().value : undefined;
    if (oldest !== undefined) this.recent.delete(oldest);
  }

  private job(job: Job): void {
    const run = brief(job);
    if (!LIVE.has(run.status)) {
      if (this.seen === undefined) {
        this.ended = before(run, this.ended);
        if (FAILED.has(run.status)) this.fail(run);
      }
      this.lost(run.id);
      for (const listener of this.listeners) listener(run);
      return;
    }
    const space = this.space(run.namespace);
    this.count(this.runs.get(run.id), -1);
    this.runs.set(run.id, run);
    this.count(run, 1);
    for (const follower of this.followers) follower(run.id, run);
    if (run.status === "pending" && NO_SLOT.has(run.reason)) {
      space.queue.add(run.id);
      mark(space, space.slots.drop(run.id));
      space.fit();
      return;
    }
    space.queue.delete(run.id);
    mark(space, space.slots.put(run.id, cellOf(run)));
  }

  private fail(run: Run): void {
    if (this.failed[0]?.id === run.id) return;
    this.failed = before(run, this.failed);
    this.failures.set(run.namespace, (this.failures.get(run.namespace) ?? 0) + 1);
  }

  private lost(id: string): void {
    const run = this.runs.get(id);
    if (run === undefined) return;
    this.runs.delete(id);
    this.count(run, -1);
    for (const follower of this.followers) follower(id, undefined);
    const space = this.spaces.get(run.namespace);
    if (space === undefined) return;
    space.queue.delete(id);
    mark(space, space.slots.drop(id));
    space.fit();
  }

  private count(run: Run | undefined, by: number): void {
    if (run === undefined) return;
    const count = (this.executors.get(run.executor) ?? 0) + by;
    if (count > 0) this.executors.set(run.executor, count);
    else this.executors.delete(run.executor);
  }

  private namespace(name: string, item: Namespace | undefined): void {
    if (item === undefined) {
      this.spaces.delete(name);
      return;
    }
    const space = this.space(name);
    space.limit = item.job_parallelism_limit ?? 0;
    space.fit();
  }

  private space(name: string): Space {
    let space = this.spaces.get(name);
    if (space === undefined) this.spaces.set(name, (space = new Space(name)));
    return space;
  }

  /** Everything was told: what was not told is gone. */
  private complete(seen: ReadonlySet<string>): void {
    this.seen = undefined;
    for (const run of [...this.runs.values()]) {
      if (seen.has(keyOf("job", run.namespace, run.id))) continue;
      this.lost(run.id);
      for (const watcher of this.watched.get(keyOf("job", "", run.id)) ?? []) watcher.tell();
    }
    this.plans.clear(); // of them only changes are told, and some may have been missed
    this.recent.clear();
    this.planned = false;
    for (const id of this.nodes.keys()) if (!seen.has(keyOf("node", "", id))) this.nodes.delete(id);
    for (const name of this.spaces.keys()) if (!seen.has(keyOf("namespace", name, name))) this.spaces.delete(name);
    this.whole.value = true;
  }
}

/** The namespace of a job says nothing that its id does not: what is gone may be told without it. */
function keyOf(kind: string, namespace: string, id: string): string {
  return `${kind}\n${kind === "job" ? "" : namespace}\n${id}`;
}

export function planKey(namespace: string, id: string): string {
  return `${namespace}\n${id}`;
}

function keep<Value>(values: Map<string, Value>, key: string, value: Value | undefined): void {
  if (value === undefined) values.delete(key);
  else values.set(key, value);
}

function before(run: Run, ended: Run[]): Run[] {
  return ended[0]?.id === run.id ? ended : [run, ...ended.filter((one) => one.id !== run.id)].slice(0, KEPT);
}

function mark(space: Space, slot: number | undefined): void {
  if (slot !== undefined) space.changed.add(slot);
}

export function cellOf(run: Pick<Run, "status" | "reason">): Cell {
  if (run.status === "running") return RUNNING;
  if (run.status === "unknown") return UNKNOWN;
  return run.reason === "retry_wait" ? RETRYING : WAITING;
}

export function brief(job: Job): Run {
  return {
    id: job.id ?? "",
    namespace: job.namespace ?? "",
    plan: job.plan_id ?? "",
    name: job.name ?? "",
    status: job.status ?? "",
    executor: job.executor ?? "",
    reason: job.reason ?? "",
    node: job.node_id ?? "",
    attempt: job.attempt ?? 0,
    due: job.scheduled_time ?? "",
    created: job.create_time ?? "",
    started: job.started_at ?? "",
    finished: job.finished_at ?? "",
    zone: job.time_zone ?? "",
    trigger: job.trigger ?? "",
  };
}
