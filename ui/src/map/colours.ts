/** The colors of the map, out of the style sheet: one place for light and dark. */
import { type Palette, pixel } from "./paint";

const NAMES = ["free", "waiting", "running", "retrying", "unknown"] as const;
const DIM = 0.18;

export function palette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const hex = (name: string) => style.getPropertyValue(name).trim();
  const ground = hex("--surface");
  const colours = NAMES.map((name) => hex(`--cell-${name}`));
  return {
    full: Uint32Array.from(colours, (colour) => pixel(colour)),
    dim: Uint32Array.from(colours, (colour, at) => pixel(colour, ground, at === 0 ? 0.5 : DIM)),
    gap: ground,
  };
}
