/** The map as pixels: one pixel a slot, scaled up by the canvas. That holds 100,000 slots and 1,000 changes in a frame. */
import { GAP_FROM, type Layout } from "./layout";
import { FREE, type Slots } from "./slots";

/** Little-endian RGBA by state, for slots that match the filter and for those that do not. */
export interface Palette {
  readonly full: Uint32Array;
  readonly dim: Uint32Array;
  readonly gap: string;
}

export class Painter {
  private grid: Layout | undefined;
  private image = new ImageData(1, 1);
  private pixels = new Uint32Array(this.image.data.buffer);
  private readonly small: HTMLCanvasElement;
  private readonly brush: CanvasRenderingContext2D;
  private readonly shown: CanvasRenderingContext2D;

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.small = document.createElement("canvas");
    this.brush = context(this.small);
    this.shown = context(canvas);
  }

  /** Everything anew. `matches` undefined: there is no filter. */
  all(slots: Slots, count: number, grid: Layout, palette: Palette, matches?: (slot: number) => boolean): void {
    this.resize(grid);
    const { pixels } = this;
    pixels.fill(0);
    for (let slot = 0; slot < count; slot++) pixels[slot] = colour(slots, slot, palette, matches);
    this.brush.putImageData(this.image, 0, 0);
    this.show(grid, palette);
  }

  /** Only these slots. */
  some(changed: Iterable<number>, slots: Slots, grid: Layout, palette: Palette, matches?: (slot: number) => boolean): void {
    let first = Number.POSITIVE_INFINITY;
    let last = -1;
    for (const slot of changed) {
      if (slot >= this.pixels.length) continue;
      this.pixels[slot] = colour(slots, slot, palette, matches);
      first = Math.min(first, slot);
      last = Math.max(last, slot);
    }
    if (last < 0) return;
    const top = Math.floor(first / grid.columns);
    const bottom = Math.floor(last / grid.columns);
    this.brush.putImageData(this.image, 0, 0, 0, top, grid.columns, bottom - top + 1);
    this.show(grid, palette);
  }

  private resize(grid: Layout): void {
    if (this.grid && this.grid.columns === grid.columns && this.grid.rows === grid.rows && this.grid.side === grid.side) return;
    this.grid = grid;
    this.image = new ImageData(grid.columns, grid.rows);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.small.width = grid.columns;
    this.small.height = grid.rows;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(grid.width * ratio);
    this.canvas.height = Math.round(grid.height * ratio);
    this.canvas.style.width = `${grid.width}px`;
    this.canvas.style.height = `${grid.height}px`;
  }

  private show(grid: Layout, palette: Palette): void {
    const { shown, canvas } = this;
    shown.imageSmoothingEnabled = false;
    shown.clearRect(0, 0, canvas.width, canvas.height);
    shown.drawImage(this.small, 0, 0, canvas.width, canvas.height);
    if (grid.side < GAP_FROM) return;
    const side = canvas.width / grid.columns;
    shown.fillStyle = palette.gap;
    const gap = Math.max(1, Math.round(side / 12));
    for (let column = 1; column <= grid.columns; column++) shown.fillRect(Math.round(column * side) - gap, 0, gap, canvas.height);
    for (let row = 1; row <= grid.rows; row++) shown.fillRect(0, Math.round(row * side) - gap, canvas.width, gap);
  }
}

function colour(slots: Slots, slot: number, palette: Palette, matches?: (slot: number) => boolean): number {
  const cell = slot < slots.used ? (slots.cells[slot] ?? FREE) : FREE;
  const colours = matches === undefined || (cell !== FREE && matches(slot)) ? palette.full : palette.dim;
  return colours[cell] ?? 0;
}

function context(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const found = canvas.getContext("2d");
  if (!found) throw new Error("this browser gives no canvas");
  return found;
}

/** `#rrggbb` or `#rgb` as a pixel; `over` is what shows through when `part` of it is taken. */
export function pixel(hex: string, over = hex, part = 1): number {
  const [above, below] = [whole(hex), whole(over)];
  const mix = (shift: number) => Math.round(((above >> shift) & 255) * part + ((below >> shift) & 255) * (1 - part));
  return ((255 << 24) | (mix(0) << 16) | (mix(8) << 8) | mix(16)) >>> 0;
}

/** The build writes `#ffffff` as `#fff`. */
function whole(hex: string): number {
  const signs = hex.slice(1);
  return Number.parseInt(signs.length === 3 ? signs.replace(/./g, "$&$&") : signs, 16);
}
