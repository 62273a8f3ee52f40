/**
 * Text as it is shown: what would move letters about, or hide them, is written out as `\u202e`.
 *
 * Names, notes and output come from anybody. A right-to-left override in one of them would turn round what stands beside
 * it: a run that failed could be read as one that did not. Every text and every name of a control goes through `install`.
 */
import { options } from "preact";

// Controls but for tab, line feed and carriage return; line separators; embeddings, overrides and isolates of directions.
const HIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
const NAMES = ["title", "aria-label", "aria-description", "placeholder"] as const;

/** Pure. */
export function plain(text: string): string {
  return text.replace(HIDDEN, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** From now on all that is drawn is plain; what fields hold is left as it is, so that it can be sent back. */
export function install(): void {
  const before = options.vnode;
  options.vnode = (vnode) => {
    drawn(vnode as unknown as Drawn);
    before?.(vnode);
  };
}

/** An element, or a text: that has no type, and is its own properties. */
interface Drawn {
  readonly type: unknown;
  props: Record<string, unknown> | string;
}

function drawn(vnode: Drawn): void {
  const { type, props } = vnode;
  if (typeof props === "string") vnode.props = plain(props);
  else if (typeof type === "string")
    for (const name of NAMES) {
      const text = props[name];
      if (typeof text === "string") props[name] = plain(text);
    }
}
