/** An explanation of the server in the viewer's language: its own words, or by its code. Pure. */
import type { Finding } from "../api/types";
import { inZone, span } from "../time";
import { REMEDIES, TERMS, WHY } from "./terms.zh";
import { ownOf } from "./own";
import { DICTIONARIES, isKey } from "./words";

export interface Said {
  readonly text: string;
  /** What removes the cause, in words. */
  readonly remedy: string;
  /** Commands that do. */
  readonly commands: readonly string[];
}

const TERM_FACTS = new Set(["status", "reason", "trigger", "when_full"]);
const COMMAND = /jobpoolctl [^;,]+/g;

/** `nameOf` a node, by its id: the server tells ids. */
export function said(finding: Finding, language: "en" | "zh", zone: string, nameOf: (node: string) => string = (node) => node): Said {
  const node = finding.facts?.node ?? "";
  const own = { text: (finding.text ?? "").replace(`node ${node}`, () => `node ${nameOf(node)}`), remedy: finding.remedy_text ?? "", commands: [] };
  const template = language === "zh" ? ownOf(WHY, finding.code ?? "") : undefined;
  if (template === undefined) return own;
  const commands = finding.code === "no_node" ? [] : (own.remedy.match(COMMAND) ?? []);
  const facts = factsOf(finding, zone);
  if (node) facts.set("node", nameOf(node));
  return { text: filled(template, facts), remedy: ownOf(REMEDIES, finding.remedy ?? "") ?? "", commands };
}

/** A reason, trigger or verdict in Chinese; in English, and where it has no word, as it is. */
export function term(word: string, language: "en" | "zh"): string {
  if (language === "en") return word;
  const key = `status.${word}`;
  return ownOf(TERMS, word) ?? (isKey(key) ? DICTIONARIES.zh[key] : word);
}

function factsOf(finding: Finding, zone: string): Map<string, string> {
  const facts = new Map<string, string>();
  for (const [name, value] of Object.entries(finding.facts ?? {})) facts.set(name, fact(name, String(value)));
  if (finding.since) facts.set("since", inZone(finding.since, zone));
  if (finding.until) facts.set("until", inZone(finding.until, zone));
  return facts;
}

function fact(name: string, value: string): string {
  if (name === "lateness_ms") return span(Number(value));
  return TERM_FACTS.has(name) ? statusOr(name, value) : value;
}

function statusOr(name: string, value: string): string {
  const key = `status.${value}`;
  return name === "status" && isKey(key) ? DICTIONARIES.zh[key] : term(value, "zh");
}

/** Facts that are not told leave their `[ ]` out, and stay away elsewhere. */
function filled(template: string, facts: ReadonlyMap<string, string>): string {
  const names = (part: string) => [...part.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");
  return template
    .replace(/\[([^\]]*)\]/g, (_whole, part: string) => (names(part).every((name) => facts.has(name)) ? part : ""))
    .replace(/\{(\w+)\}/g, (_whole, name: string) => facts.get(name) ?? "");
}
