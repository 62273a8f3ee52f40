/** The end of a run's output: what is there, then what is written while the run goes on. */
import { address, get, refusal, segment } from "../api/client";
import type { LogPiece } from "../api/types";
import { EventParser } from "./events";

/** Characters that are shown; what was before them is cut off. */
export const TAIL = 64 * 1024;
const ESCAPES = /\u001b\[[0-9;?]*[ -/]*[@-~]|[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g;

export interface Tail {
  readonly text: string;
  readonly cut: boolean;
}

/** Adds a piece; only the newest TAIL characters stay, from the beginning of a line. Pure. */
export function added(tail: Tail, piece: string): Tail {
  const text = tail.text + piece.replace(ESCAPES, "");
  if (text.length <= TAIL) return { text, cut: tail.cut };
  const kept = text.slice(-TAIL);
  return { text: kept.slice(kept.indexOf("\n") + 1), cut: true };
}

export function bytes(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
}

/** Tells of each piece until the output ends. `live`: go on while the run does. */
export async function readLog(id: string, live: boolean, tell: (piece: string, skipped: boolean) => void, signal: AbortSignal): Promise<void> {
  const path = `jobs/${segment(id)}/logs`;
  const first = await get<LogPiece>(path, { limit: 1 }, signal);
  const size = Number(first.size ?? 0);
  const decoder = new TextDecoder();
  const start = Math.max(0, size - TAIL);
  let offset = start;
  const take = (piece: LogPiece) => {
    if (piece.data) tell(decoder.decode(bytes(piece.data), { stream: true }), start > 0);
    offset = Number(piece.next_offset ?? offset);
  };
  if (!live) {
    while (offset < size) {
      const before = offset;
      take(await get<LogPiece>(path, { offset, attempt: first.attempt }, signal));
      if (offset === before) return;
    }
    return;
  }
  const answer = await fetch(address(path, { offset, attempt: first.attempt, follow: "true" }), { signal, cache: "no-store" });
  if (!answer.ok || !answer.body) throw await refusal(answer);
  const parser = new EventParser();
  const reader = answer.body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const event of parser.take(value)) {
      if (event.name === "output") take(JSON.parse(event.data) as LogPiece);
      else if (event.name === "end" || event.name === "failed") return;
    }
  }
}
