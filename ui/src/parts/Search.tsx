/** Texts of the address that are typed: what is drawn anew meanwhile leaves what is being typed as it is. */
import { useEffect, useRef, useState } from "preact/hooks";
import { ask } from "../route";

const PAUSE = 250;

/** What an input of this part of the address needs; `live`: it is asked for while one types, else with Enter or on leaving. */
export function useTyped(name: string, value: string, live = false) {
  const [text, setText] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const told = useRef(value);
  useEffect(() => {
    if (value !== told.current) setText(value); // what comes of the typing itself is older than what has been typed since
    told.current = value;
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const tell = (typed: string) => {
    told.current = typed.trim();
    ask({ [name]: told.current });
  };
  return {
    value: text,
    spellcheck: false,
    autocomplete: "off",
    onInput: (event: { currentTarget: HTMLInputElement }) => {
      const typed = event.currentTarget.value;
      setText(typed);
      clearTimeout(timer.current);
      if (live) timer.current = setTimeout(() => tell(typed), PAUSE);
    },
    onChange: (event: { currentTarget: HTMLInputElement }) => {
      clearTimeout(timer.current);
      tell(event.currentTarget.value);
    },
  };
}

export function Search({ name, label, value, live = false }: { name: string; label: string; value: string; live?: boolean }) {
  return <input type="search" aria-label={label} placeholder={label} {...useTyped(name, value, live)} />;
}
