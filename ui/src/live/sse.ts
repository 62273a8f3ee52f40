/** One answer of server-sent events, watched over: silence ends it, before its head as well as after. */
import { refusal } from "../api/client";
import { EventParser, type ServerEvent } from "./events";

/** Nothing came for as long as the server never says nothing; a connection may be gone without a word. */
export class Silence extends Error {
  constructor() {
    super("silence");
  }
}

export interface Hearing {
  /** The longest silence, in ms. */
  readonly patience: number;
  readonly signal: AbortSignal;
  /** The server has answered; events follow, unless it throws. */
  readonly begun?: (head: Headers) => void;
  /** Events, in order, as they came together; also none, when something came that is no event. */
  readonly take: (events: readonly ServerEvent[]) => void;
}

/** Until the server ends it. Throws Refused, Silence, what broke the connection, or the reason of `signal`. */
export async function hear(address: string, { patience, signal, begun, take }: Hearing): Promise<void> {
  const silent = new AbortController();
  const guard = (): ReturnType<typeof setTimeout> => setTimeout(() => silent.abort(new Silence()), patience);
  let timer = guard();
  try {
    const answer = await fetch(address, {
      signal: AbortSignal.any([signal, silent.signal]),
      cache: "no-store",
      headers: { accept: "text/event-stream", "accept-language": document.documentElement.lang },
    });
    if (!answer.ok || !answer.body) throw await refusal(answer);
    begun?.(answer.headers);
    const parser = new EventParser();
    const body = answer.body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader();
    for (;;) {
      const { done, value } = await body.read();
      if (done) return;
      clearTimeout(timer);
      timer = guard();
      take(parser.take(value));
    }
  } finally {
    clearTimeout(timer);
    silent.abort(); // who left early reads no more of it
  }
}
