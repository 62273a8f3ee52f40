/** An operator's switches of one node: each asks first, and says what will become of the node's runs. */
import { post, remove, segment } from "../api/client";
import type { Node } from "../api/types";
import { Ask } from "../parts/Ask";
import { go, to } from "../route";
import { number, t } from "../text";

interface Props {
  readonly node: Node;
  readonly name: string;
  readonly running: number;
}

export function NodeSwitches({ node, name, running }: Props) {
  const held = node.eligibility === "ineligible";
  return (
    <p class="buttons">
      {node.drain ? <Cancel node={node} name={name} /> : held ? <Let node={node} name={name} /> : <Hold node={node} name={name} />}
      {!node.drain && <Drain node={node} name={name} running={running} />}
      {running > 0 && <DrainNow node={node} name={name} running={running} />}
      {node.status === "down" && <Forget node={node} name={name} running={running} />}
    </p>
  );
}

type Of = Omit<Props, "running">;

/** POST to the node; the note of the form goes with it. */
async function change(node: Node, what: "drain" | "eligibility", form: FormData, body: object): Promise<void> {
  await post<object>(`nodes/${segment(node.ID ?? "")}/${what}`, { ...body, description: text(form, "note") });
}

function text(form: FormData, name: string): string {
  return String(form.get(name) ?? "");
}

function Note() {
  return (
    <label class="field">
      {t("plan.note")}
      <input name="note" maxLength={512} />
    </label>
  );
}

function Let({ node, name }: Of) {
  const act = (form: FormData) => change(node, "eligibility", form, { eligible: true });
  return <Ask button={t("nodes.let")} title={t("nodes.let.ask", { name })} does={t("nodes.let.does")} act={act} />;
}

function Hold({ node, name }: Of) {
  const act = (form: FormData) => change(node, "eligibility", form, { eligible: false });
  return (
    <Ask button={t("nodes.hold")} title={t("nodes.hold.ask", { name })} does={t("nodes.hold.does")} act={act}>
      <Note />
    </Ask>
  );
}

function Drain({ node, name, running }: Props) {
  const act = (form: FormData) => change(node, "drain", form, { enable: true, deadline: text(form, "deadline") });
  return (
    <Ask danger button={t("nodes.drain")} title={t("nodes.drain.ask", { name })} does={t("nodes.drain.does", { n: number(running) })} act={act}>
      <label class="field">
        {t("nodes.deadline")}
        <input name="deadline" placeholder="10m" maxLength={20} />
      </label>
      <Note />
    </Ask>
  );
}

function DrainNow({ node, name, running }: Props) {
  const act = (form: FormData) => change(node, "drain", form, { enable: true, force: true });
  return (
    <Ask danger button={t("nodes.now")} title={t("nodes.now.ask", { name })} does={t("nodes.now.does", { n: number(running) })} act={act}>
      <Note />
    </Ask>
  );
}

/** Neither answer is the default: somebody else may have to say when the machine is ready. */
function Cancel({ node, name }: Of) {
  const act = (form: FormData) => change(node, "drain", form, { enable: false, eligible: text(form, "then") === "work" });
  return (
    <Ask button={t("nodes.cancel")} title={t("nodes.cancel.ask", { name })} does={t("nodes.cancel.does")} act={act}>
      <fieldset class="then">
        <legend>{t("nodes.then")}</legend>
        <label>
          <input type="radio" name="then" value="work" required /> {t("nodes.then.work")}
        </label>
        <label>
          <input type="radio" name="then" value="none" required /> {t("nodes.then.none")}
        </label>
      </fieldset>
      <Note />
    </Ask>
  );
}

function Forget({ node, name, running }: Props) {
  const act = async () => {
    await remove<object>(`nodes/${segment(node.ID ?? "")}`, running > 0 ? { force: "true" } : {});
    go(to.nodes());
  };
  const does = running > 0 ? t("nodes.forget.held", { n: number(running) }) : t("nodes.forget.does");
  return (
    <Ask danger button={t("nodes.forget")} title={t("nodes.forget.ask", { name })} does={does} act={act}>
      {running > 0 && (
        <label class="sure">
          <input type="checkbox" required /> {t("nodes.forget.sure")}
        </label>
      )}
    </Ask>
  );
}
