/** Nodes as people call them. */
import { store } from ".";

export function nodeName(id: string): string {
  return store.nodes.get(id)?.name || id;
}
