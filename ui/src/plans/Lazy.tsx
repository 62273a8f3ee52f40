/** The form of a plan, loaded when somebody wants it. */
import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Plan } from "../api/types";
import { t } from "../text";

type Form = FunctionComponent<{ plan?: Plan }>;

export function Lazy({ plan }: { plan?: Plan }) {
  const [form, setForm] = useState<{ readonly Form: Form } | undefined>();
  const [fault, setFault] = useState("");
  useEffect(() => {
    import("./PlanForm").then(
      (found) => setForm({ Form: found.PlanForm }),
      (error: unknown) => setFault(String(error)),
    );
  }, []);
  if (fault) return <p class="fault">{t("list.failed", { reason: fault })}</p>;
  if (!form) return <p class="soft">{t("list.loading")}</p>;
  return <form.Form {...(plan && { plan })} />;
}
