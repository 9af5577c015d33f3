/** A probe that the user picks, trained on the selection in the browser. */

import { useState } from "preact/hooks";
import { type ProbeKind, type ProbeRefusal, type ProbeScore, trainProbe } from "../analysis/probe";
import { count, percent, t } from "../i18n";
import { session } from "../session";
import { fail } from "../state";

const KINDS: ProbeKind[] = ["logistic", "knn", "mean"];

export function ProbePanel({ rows }: { rows: Uint32Array | null }) {
  const { data } = session();
  const { columns, codes, n } = data.manifest;
  const targets = columns.filter((one) => one.type === "category" && (one.categories?.length ?? 0) > 1);
  const [target, setTarget] = useState(targets[0]?.name ?? "");
  const [code, setCode] = useState<"z_rest" | "z_label">("z_rest");
  const [kind, setKind] = useState<ProbeKind>("logistic");
  const [result, setResult] = useState<ProbeScore | ProbeRefusal | "running" | null>(null);
  if (!targets.length) return null;
  const run = async () => {
    setResult("running");
    await new Promise((done) => setTimeout(done, 20)); // the button's text is drawn first
    const [z, values] = await Promise.all([data.codes(code), data.values(target)]);
    const all = rows?.length ? rows : Uint32Array.from({ length: n }, (_, row) => row);
    setResult(
      await trainProbe(z, codes[code].width, all, values.values, kind, 0, { missing: values.missing }),
    );
  };
  return (
    <section class="probe">
      <h2>{t("probe")}</h2>
      <div class="choices">
        <label>
          <span>{t("probe.predict")}</span>
          <select value={target} onChange={(event) => setTarget(event.currentTarget.value)}>
            {targets.map((one) => (
              <option key={one.name}>{one.name}</option>
            ))}
          </select>
        </label>
        <label>
          <span>{t("probe.from")}</span>
          <select value={code} onChange={(event) => setCode(event.currentTarget.value as typeof code)}>
            <option>z_rest</option>
            <option>z_label</option>
          </select>
        </label>
        <label>
          <span>{t("probe.with")}</span>
          <select value={kind} onChange={(event) => setKind(event.currentTarget.value as ProbeKind)}>
            {KINDS.map((one) => (
              <option key={one} value={one}>
                {t(`probe.${one}`)}
              </option>
            ))}
          </select>
        </label>
        <button type="button" disabled={result === "running"} onClick={() => run().catch(fail)}>
          {t(result === "running" ? "probe.running" : "probe.run")}
        </button>
      </div>
      {!rows?.length && <p class="help">{t("probe.all")}</p>}
      <div aria-live="polite">{result && result !== "running" && <Result result={result} />}</div>
    </section>
  );
}

function Result({ result }: { result: ProbeScore | ProbeRefusal }) {
  if ("reason" in result) return <p>{t(result.reason === "few rows" ? "probe.few" : "probe.one")}</p>;
  return (
    <p data-testid="probe">
      {t("probe.result", {
        accuracy: percent(result.accuracy),
        n: count(result.test),
        low: percent(result.low),
        high: percent(result.high),
        chance: percent(result.majority),
      })}{" "}
      <strong>{t(result.low > Math.max(result.majority, result.permuted.high) ? "probe.above" : "probe.notAbove")}</strong>
    </p>
  );
}
