/** A stream of the server's answers for one page, followed while that page is there. It begins anew by itself. */
import { address } from "../api/client";
import { hear } from "./sse";
import { pause } from "./stream";

/** The events of this name below `path`; the server says something at least every `patience` ms. */
export interface Source {
  readonly path: string;
  readonly query?: Readonly<Record<string, readonly string[]>>;
  readonly event: string;
  readonly patience: number;
}

/** Tells of every answer until it is aborted, and of what is wrong while there is none. */
export async function follow<Answer>(source: Source, tell: (answer: Answer) => void, broken: (why: Error) => void, signal: AbortSignal): Promise<void> {
  const { path, query, event: wanted, patience } = source;
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      let heard = false;
      await hear(address(path, query), {
        patience,
        signal,
        take: (events) => {
          failures = 0;
          heard = true;
          for (const event of events) if (event.name === wanted) tell(JSON.parse(event.data) as Answer);
        },
      });
      if (!heard) throw new Error("the stream has ended");
    } catch (error) {
      if (signal.aborted) return;
      broken(error instanceof Error ? error : new Error(String(error)));
    }
    await new Promise((resolve) => setTimeout(resolve, pause(failures, Math.random())));
  }
}
