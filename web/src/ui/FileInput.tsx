/** A place where a file can be dropped or chosen. */

import type { ComponentChildren } from "preact";
import { useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { fail } from "../state";

interface Props {
  accept: string;
  text: string;
  onFile: (file: File) => Promise<void>;
  children?: ComponentChildren;
}

export function FileInput({ accept, text, onFile, children }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const take = (file: File | undefined) => {
    if (file) onFile(file).catch(fail);
  };
  return (
    <div
      class={over ? "drop over" : "drop"}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer?.files[0]);
      }}
    >
      <p class="help">{text}</p>
      {children}
      <input
        ref={input}
        class="hidden"
        type="file"
        tabIndex={-1}
        aria-label={t("draw.choose")}
        accept={accept}
        onChange={(event) => take(event.currentTarget.files?.[0])}
      />
      <button type="button" onClick={() => input.current?.click()}>
        {t("draw.choose")}
      </button>
    </div>
  );
}
