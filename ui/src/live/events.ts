/** Server-sent events out of pieces of text, however they are cut. */

/** `name` is empty for a comment that bears nothing but a place. `id` undefined: none was given. */
export interface ServerEvent {
  readonly name: string;
  readonly data: string;
  readonly id: string | undefined;
}

export class EventParser {
  private rest = "";
  private name = "";
  private data: string[] = [];
  private id: string | undefined;

  /** The events that end within this piece. */
  take(piece: string): ServerEvent[] {
    const found: ServerEvent[] = [];
    const lines = (this.rest + piece).split("\n");
    this.rest = lines.pop() ?? "";
    for (const line of lines) {
      const event = this.line(line.endsWith("\r") ? line.slice(0, -1) : line);
      if (event) found.push(event);
    }
    return found;
  }

  private line(line: string): ServerEvent | undefined {
    if (line === "") return this.end();
    const colon = line.indexOf(":");
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (field === "event") this.name = value;
    else if (field === "data") this.data.push(value);
    else if (field === "id") this.id = value;
    return undefined;
  }

  private end(): ServerEvent | undefined {
    const event = { name: this.name, data: this.data.join("\n"), id: this.id };
    this.name = "";
    this.data = [];
    this.id = undefined;
    return event.name || event.data || event.id !== undefined ? event : undefined;
  }
}
