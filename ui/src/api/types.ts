/** The API's nouns as the server describes them; `schema.ts` is made from its OpenAPI document by `scripts/ui types`. */
import type { components, operations } from "./schema";

type Answer<Name extends keyof operations> = operations[Name] extends {
  responses: { 200: { content: { "application/json": infer Body } } };
}
  ? Body
  : never;
type One<List> = List extends { data?: readonly (infer Item)[] } ? Item : List extends { data?: infer Item } ? Item : never;

export type JobList = Answer<"JobList">;
export type PlanList = Answer<"PlanList">;
export type Job = One<JobList>;
export type Plan = One<PlanList>;
export type Namespace = One<Answer<"NameSpaceList">>;
export type Preview = Answer<"PlanPreview">;
export type Tick = One<Preview>;
export type Upcoming = Answer<"Upcoming">;
export type Explanation = Answer<"JobExplain">;
export type PlanExplanation = Answer<"PlanExplain">;
export type Finding = One<Explanation>;
export type PlanOutcomes = One<Answer<"PlanOutcomes">>;
export type Ledger = Answer<"PlanLedger">;
export type LedgerEntry = One<Ledger>;
export type Evaluation = One<Answer<"EvalList">>;
export type Allocation = One<Answer<"AllocationList">>;
export type TimelinePage = Answer<"Timeline">;
export type TimelineBar = One<TimelinePage>;
export type Cluster = Answer<"ClusterDetail">;
export type ClusterServer = NonNullable<Cluster["servers"]>[number];
export type ClusterSample = NonNullable<Cluster["samples"]>[number];
export type ClusterEvent = NonNullable<Cluster["events"]>[number];
export type LogPiece = Exclude<Answer<"JobLogs">, string>;
export type Refusal = components["schemas"]["Error"];

/** One change of the stream `/v3/schedule/watch`. */
export interface Change {
  readonly kind: "plan" | "job" | "node" | "namespace" | "server";
  readonly action: "set" | "gone";
  readonly namespace?: string;
  readonly id: string;
  readonly position?: string;
  /** The commit that brought it. */
  readonly n?: string;
  readonly plan?: Plan;
  readonly job?: Job;
  readonly node?: Node;
  readonly namespace_item?: Namespace;
}

export type Node = One<Answer<"NodeList">>;
export type Resources = NonNullable<Node["resources"]>;

/** When a node was heard, and what its agent told last: of the stream `/v3/schedule/watch/nodes`. */
export interface NodeSeen {
  readonly id: string;
  readonly heard_at?: string;
  readonly resources?: Resources;
}
