/** Calls of the server that this page came from. A refusal is thrown with the server's own words. */
import type { Refusal } from "./types";

export const API = "/v3/schedule/";

export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

type Query = Readonly<Record<string, string | number | undefined>>;

/** `path` below the API's root; its parts must be encoded by `segment`. */
export function address(path: string, query: Query = {}): string {
  const said = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== "") said.set(name, String(value));
  const text = said.toString();
  return API + path + (text ? `?${text}` : "");
}

export const segment = encodeURIComponent;

export async function get<Answer>(path: string, query: Query = {}, signal?: AbortSignal): Promise<Answer> {
  return call<Answer>(address(path, query), signal ? { signal } : {});
}

export async function post<Answer>(path: string, body: object): Promise<Answer> {
  return call<Answer>(address(path), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function call<Answer>(url: string, init: RequestInit): Promise<Answer> {
  const language = document.documentElement.lang;
  const answer = await fetch(url, { ...init, headers: { ...init.headers, "accept-language": language } });
  if (!answer.ok) throw await refusal(answer);
  return (await answer.json()) as Answer;
}

export async function refusal(answer: Response): Promise<Refused> {
  const text = await answer.text();
  try {
    return new Refused(answer.status, (JSON.parse(text) as Refusal).message);
  } catch {
    return new Refused(answer.status, `${answer.status} ${text.slice(0, 200)}`);
  }
}
