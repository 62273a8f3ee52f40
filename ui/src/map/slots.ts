/** Which run has which slot of a namespace. A run keeps its slot to its end; a new one gets the lowest that is free. */

export const FREE = 0;
export const WAITING = 1;
export const RUNNING = 2;
export const RETRYING = 3;
export const UNKNOWN = 4;
export type Cell = 0 | 1 | 2 | 3 | 4;

export class Slots {
  /** The state of each slot; longer than what is in use. */
  cells = new Uint8Array(64);
  readonly counts = [0, 0, 0, 0, 0];
  private readonly ids: (string | undefined)[] = [];
  private readonly places = new Map<string, number>();
  private readonly freed = new Lowest();

  /** One more than the highest slot that has been in use, until it is trimmed. */
  get used(): number {
    return this.ids.length;
  }

  /** The slot it has now. */
  put(id: string, cell: Cell): number {
    let at = this.places.get(id);
    if (at === undefined) {
      at = this.free();
      this.ids[at] = id;
      this.places.set(id, at);
      this.grow(at + 1);
    } else {
      this.count(at, -1);
    }
    this.cells[at] = cell;
    this.count(at, 1);
    return at;
  }

  /** The slot it had; undefined: none. */
  drop(id: string): number | undefined {
    const at = this.places.get(id);
    if (at === undefined) return undefined;
    this.count(at, -1);
    this.cells[at] = FREE;
    this.ids[at] = undefined;
    this.places.delete(id);
    this.freed.add(at);
    return at;
  }

  /** Forget the free slots at the end, but for the first `least` of all. */
  trim(least: number): void {
    while (this.ids.length > least && this.ids.at(-1) === undefined) this.ids.pop();
  }

  at(slot: number): string | undefined {
    return this.ids[slot];
  }

  where(id: string): number | undefined {
    return this.places.get(id);
  }

  /** The next slot with a run that `fits`, from a place on, backwards when `by` is -1; around the end. Undefined: there is none. */
  seek(from: number, by: 1 | -1, fits: (id: string) => boolean): number | undefined {
    for (let step = 1; step <= this.used; step++) {
      const at = (((from + by * step) % this.used) + this.used) % this.used;
      const id = this.ids[at];
      if (id !== undefined && fits(id)) return at;
    }
    return undefined;
  }

  private free(): number {
    for (let at = this.freed.take(); at !== undefined; at = this.freed.take()) {
      if (at < this.ids.length && this.ids[at] === undefined) return at; // else it was trimmed since
    }
    return this.ids.length;
  }

  private count(at: number, by: number): void {
    const cell = this.cells[at] ?? FREE;
    this.counts[cell] = (this.counts[cell] ?? 0) + by;
  }

  private grow(size: number): void {
    if (size <= this.cells.length) return;
    const larger = new Uint8Array(Math.max(size, this.cells.length * 2));
    larger.set(this.cells);
    this.cells = larger;
  }
}

/** A heap of numbers that gives the lowest. */
class Lowest {
  private readonly heap: number[] = [];

  add(value: number): void {
    const heap = this.heap;
    let at = heap.length;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const above = heap[up] as number;
      if (above <= value) break;
      heap[at] = above;
      at = up;
    }
    heap[at] = value;
  }

  take(): number | undefined {
    const heap = this.heap;
    const lowest = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return lowest;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && (heap[down + 1] as number) < (heap[down] as number)) down++;
      if ((heap[down] as number) >= last) break;
      heap[at] = heap[down] as number;
      at = down;
    }
    heap[at] = last;
    return lowest;
  }
}
