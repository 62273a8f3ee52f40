/** Asks before something is done, says what it will do, and shows why it could not be done. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { onceKey } from "../api/client";
import { t } from "../text";

interface Props {
  button: string;
  title: string;
  does: string;
  danger?: boolean;
  disabled?: boolean;
  children?: ComponentChildren;
  /** `once` is the same however often one dialog is sent. */
  act: (form: FormData, once: string) => Promise<void>;
}

export function Ask(props: Props) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" class={props.danger ? "danger" : ""} disabled={props.disabled} onClick={() => setOpen(true)}>
        {props.button}
      </button>
      {open && <Question {...props} close={() => setOpen(false)} />}
    </>
  );
}

function Question({ button, title, does, danger, children, act, close }: Props & { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [once] = useState(onceKey);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus({ preventScroll: true }); // a dialog that is taken away gives nothing back
    };
  }, []);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setFault("");
    try {
      await act(new FormData(event.currentTarget as HTMLFormElement), once);
      close();
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} aria-labelledby="question" onClose={close}>
      <form onSubmit={submit}>
        <h2 id="question">{title}</h2>
        <p>{does}</p>
        {children}
        {fault && (
          <p class="fault" role="alert">
            {fault}
          </p>
        )}
        <p class="buttons">
          <button type="button" onClick={close}>
            {t("ask.no")}
          </button>
          <button type="submit" class={danger ? "danger strong" : "strong"} disabled={busy}>
            {button}
          </button>
        </p>
      </form>
    </dialog>
  );
}
