/** A walk between the two pinned examples, as a film strip. */

import { useState } from "preact/hooks";
import { walk } from "../analysis/order";
import { t } from "../i18n";
import { codeOf, session, useResult } from "../session";
import { pinA, pinB } from "../state";
import { Decoded, PlayButton, RowTable } from "./Picture";

const WALK_STEPS = 9;

export function Walk() {
  const { data, network } = session();
  const { codes: widths, kind } = data.manifest;
  const [what, setWhat] = useState<"both" | "label" | "rest">("both");
  const a = pinA.value;
  const b = pinB.value;
  const film = useResult(
    a === null || b === null
      ? () => null
      : async () => {
          const along = async (name: "z_label" | "z_rest", moves: boolean) => {
            const [from, to] = await Promise.all([codeOf(name, a), codeOf(name, b)]);
            return walk(from, moves ? to : from, WALK_STEPS);
          };
          const zLabel = await along("z_label", what !== "rest");
          const zRest = await along("z_rest", what !== "label");
          const x = await network.decode(zLabel, zRest);
          return Array.from({ length: WALK_STEPS }, (_, i) => x.slice(i * network.size, (i + 1) * network.size));
        },
    [a, b, what],
  );
  return (
    <section>
      <h2>{t("generate.walk")}</h2>
      {a === null || b === null ? (
        <p class="help">{t("generate.walk.help")}</p>
      ) : (
        <>
          <div class="buttons" role="group" aria-label={t("generate.walk")}>
            {(["both", "label", "rest"] as const).map((one) => (
              <button key={one} type="button" aria-pressed={what === one} onClick={() => setWhat(one)}>
                {t(`generate.walk.${one}`)}
              </button>
            ))}
          </div>
          <ol class="film" data-widths={widths.z_rest.width}>
            {film?.map((x, i) => (
              <li key={i}>
                <Decoded x={x} size={56} alt={`${i + 1} / ${WALK_STEPS}`} />
                <PlayButton x={async () => x} label={`${t("play")} ${i + 1}`} />
                {kind === "table" && <RowTable x={x} />}
              </li>
            ))}
          </ol>
        </>
      )}
    </section>
  );
}
