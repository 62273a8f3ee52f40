/**
 * The address of the page, changed in place no more often than browsers take it.
 *
 * One throws, another forgets what comes, once there were some 100 changes in half a minute: a timeline that is dragged makes
 * as many in two seconds. So a few are written at once, and of more only the newest, a moment later.
 */
const AT_ONCE = 10;
const PACE = 400;

export class Address {
  private free = AT_ONCE;
  private late: string | undefined;

  constructor(private readonly write: (address: string) => void) {}

  replace(address: string): void {
    if (this.free === 0) {
      this.late = address;
      return;
    }
    if (this.free === AT_ONCE) this.wait();
    this.free--;
    this.write(address);
  }

  /** What is to be written is written now. */
  flush(): void {
    if (this.late !== undefined) this.write(this.late);
    this.late = undefined;
  }

  /** Another address is there: what was to be written was of the one before. */
  drop(): void {
    this.late = undefined;
  }

  private wait(): void {
    setTimeout(() => {
      if (this.late === undefined) this.free++;
      else this.flush();
      if (this.free < AT_ONCE) this.wait();
    }, PACE);
  }
}
