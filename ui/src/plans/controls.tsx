/** The controls of the form of a plan, each with its name, and with the server's refusal where it is meant. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "../text";
import { isKey } from "../text/words";
import type { Name, Values } from "./form";

export interface Written {
  readonly values: Values;
  readonly set: (name: Name, text: string) => void;
  /** What the server refuses, and the field that it means where the form shows it. */
  readonly wrong: { readonly name: Name | undefined; readonly said: string } | undefined;
}

interface Props {
  written: Written;
  name: Name;
  label: string;
  example?: string;
}

export function Group({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <fieldset>
      <legend>{name}</legend>
      {children}
    </fieldset>
  );
}

/** What few need; it opens when what the server refuses is in it. */
export function Fold({ written, names, label, children }: { written: Written; names: readonly Name[]; label: string; children: ComponentChildren }) {
  const [open, setOpen] = useState(false);
  const within = written.wrong?.name !== undefined && names.includes(written.wrong.name);
  useEffect(() => {
    if (within) setOpen(true);
  }, [within]);
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{label}</summary>
      {children}
    </details>
  );
}

/** `words`: what may be meant; `hint`: what is said of what is written. */
export function Input({ written, name, label, example, code, words, hint }: Props & { code?: boolean; words?: readonly string[]; hint?: string }) {
  return (
    <div class="field">
      <label for={`f-${name}`}>{label}</label>
      <input
        {...common(written, name)}
        {...(words ? { list: `l-${name}` } : { type: "text" as const })}
        class={code ? "code" : ""}
        translate={!code}
        value={written.values[name]}
        placeholder={example}
        autocomplete="off"
        onInput={(event) => written.set(name, event.currentTarget.value)}
      />
      {words && (
        <datalist id={`l-${name}`}>
          {words.map((word) => (
            <option key={word} value={word} />
          ))}
        </datalist>
      )}
      {hint !== undefined && <small class="soft said">{hint}</small>}
      <Wrong written={written} name={name} />
    </div>
  );
}

export function Area({ written, name, label, example, rows = 5 }: Props & { rows?: number }) {
  return (
    <div class="field">
      <label for={`f-${name}`}>{label}</label>
      <textarea {...common(written, name)} translate={false} rows={rows} value={written.values[name]} placeholder={example} onInput={(event) => written.set(name, event.currentTarget.value)} />
      <Wrong written={written} name={name} />
    </div>
  );
}

export function Choose({ written, name, label, words }: Props & { words: readonly string[] }) {
  const value = written.values[name];
  return (
    <div class="field">
      <label for={`f-${name}`}>{label}</label>
      <select {...common(written, name)} value={value} onChange={(event) => written.set(name, event.currentTarget.value)}>
        {(words.includes(value) ? words : [value, ...words]).map((word) => (
          <option key={word} value={word}>
            {said(name, word)}
          </option>
        ))}
      </select>
      <Wrong written={written} name={name} />
    </div>
  );
}

/** A word of the API as it reads in a sentence; names as they are. */
function said(name: Name, word: string): string {
  if (name === "namespace" || name === "executor") return word;
  if (name === "strategy" && !word) return t("word.usual");
  const key = name === "catch_up.mode" && word === "all" ? "word.every" : `word.${word}`;
  return isKey(key) ? t(key) : word;
}

function common({ wrong }: Written, name: Name) {
  const invalid = wrong?.name === name;
  return { id: `f-${name}`, name, spellcheck: false, "aria-invalid": invalid, ...(invalid && { "aria-describedby": `w-${name}` }) };
}

function Wrong({ written, name }: { written: Written; name: Name }) {
  if (written.wrong?.name !== name) return null;
  return (
    <small class="fault" id={`w-${name}`}>
      {written.wrong.said}
    </small>
  );
}
