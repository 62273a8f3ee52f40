/** The live runs that a filter means, counted as they come, change and go. */
import type { Run } from "../live/store";

export class Found {
  /** Their namespaces, by id. */
  private readonly spaces = new Map<string, string>();
  private readonly counts = new Map<string, number>();

  constructor(
    private readonly matches: (run: Run) => boolean,
    runs: Iterable<Run>,
  ) {
    for (const run of runs) this.follow(run.id, run);
  }

  /** Of a run that is live; undefined: no more. */
  readonly follow = (id: string, run: Run | undefined): void => {
    const space = this.spaces.get(id);
    const now = run && this.matches(run) ? run.namespace : undefined;
    if (space === now) return;
    if (space !== undefined) this.count(space, -1);
    if (now !== undefined) this.count(now, 1);
    now === undefined ? this.spaces.delete(id) : this.spaces.set(id, now);
  };

  has(id: string | undefined): boolean {
    return id !== undefined && this.spaces.has(id);
  }

  get size(): number {
    return this.spaces.size;
  }

  in(namespace: string): number {
    return this.counts.get(namespace) ?? 0;
  }

  private count(space: string, by: number): void {
    this.counts.set(space, this.in(space) + by);
  }
}
