/** Calls of the server that this page came from. A refusal is thrown with the server's own words. */
import { DICTIONARIES, say } from "../text/words";
import type { Refusal } from "./types";

export const API = "/v3/schedule/";
/** The longest wait for an answer, in ms: a server that was stopped takes calls, and says nothing. */
const PATIENCE = 30_000;

/** `field` is the one that is refused, `said` why without its name; empty where there is none. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly field = "",
    readonly said = message,
  ) {
    super(message);
  }
}

type Query = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/** `path` below the API's root; its parts must be encoded by `segment`. */
export function address(path: string, query: Query = {}): string {
  const said = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (typeof value === "object") for (const one of value) said.append(name, one);
    else if (value !== undefined && value !== "") said.set(name, String(value));
  }
  const text = said.toString();
  return API + path + (text ? `?${text}` : "");
}

export const segment = encodeURIComponent;

export async function get<Answer>(path: string, query: Query = {}, signal?: AbortSignal): Promise<Answer> {
  return call<Answer>(address(path, query), signal ? { signal } : {});
}

export async function post<Answer>(path: string, body: object, signal?: AbortSignal): Promise<Answer> {
  return call<Answer>(address(path), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
}

/** A key of its own for something that is to happen once, however often it is asked for: an answer may get lost. */
export function onceKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** DELETE. */
export async function remove<Answer>(path: string, query: Query): Promise<Answer> {
  return call<Answer>(address(path, query), { method: "DELETE" });
}

/** The server did not answer, or what it said was cut off. */
class Unanswered extends Error {}

async function call<Answer>(url: string, init: RequestInit): Promise<Answer> {
  const language = document.documentElement.lang === "zh" ? "zh" : "en";
  const patience = AbortSignal.timeout(PATIENCE);
  const signal = init.signal ? AbortSignal.any([init.signal, patience]) : patience;
  try {
    const answer = await fetch(url, { ...init, signal, headers: { ...init.headers, "accept-language": language } });
    if (!answer.ok) throw await refusal(answer);
    return (await answer.json()) as Answer;
  } catch (error) {
    if (error instanceof Refused || init.signal?.aborted) throw error;
    throw new Unanswered(say(DICTIONARIES[language], init.method ? "call.change" : "call.read"), { cause: error });
  }
}

export async function refusal(answer: Response): Promise<Refused> {
  const text = await answer.text();
  try {
    const told = JSON.parse(text) as Refusal;
    const field = told.details?.[0]?.field ?? "";
    const said = field && told.message.startsWith(`${field}: `) ? told.message.slice(field.length + 2) : told.message;
    return new Refused(answer.status, told.message, field, said);
  } catch {
    return new Refused(answer.status, `${answer.status} ${text.slice(0, 200)}`);
  }
}
