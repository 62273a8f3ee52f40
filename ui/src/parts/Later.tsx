/** A page that is loaded when it is first looked at. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "../text";

export function Later({ load }: { load: () => Promise<ComponentType> }) {
  const [Page, setPage] = useState<ComponentType>();
  const [error, setError] = useState("");
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let here = true;
    load().then(
      (found) => here && setPage(() => found),
      (reason: unknown) => here && setError(String(reason)),
    );
    return () => {
      here = false;
    };
  }, [load, tries]);
  if (Page) return <Page />;
  if (!error) return <p class="soft">{t("list.loading")}</p>;
  const again = () => {
    setError("");
    setTries(tries + 1);
  };
  return (
    <p class="fault" role="alert">
      {t("list.failed", { reason: error })}{" "}
      <button type="button" onClick={again}>
        {t("list.again")}
      </button>
    </p>
  );
}
