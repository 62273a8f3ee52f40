/** A page that is loaded when it is first looked at. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { recoveries } from "../live";
import { t } from "../text";

export function Later({ load }: { load: () => Promise<ComponentType> }) {
  const [Page, setPage] = useState<ComponentType>();
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    let here = true;
    load().then(
      (found) => here && setPage(() => found),
      () => here && setFailed(true),
    );
    return () => {
      here = false;
    };
  }, [load, recoveries.value]);
  if (Page) return <Page />;
  if (!failed) return <p class="soft">{t("list.loading")}</p>;
  return (
    <p class="fault" role="alert">
      {t("page.old")}{" "}
      <button type="button" onClick={() => location.reload()}>
        {t("page.reload")}
      </button>
    </p>
  );
}
