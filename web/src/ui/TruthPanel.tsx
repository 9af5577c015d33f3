/** How clean the split is: measured figures in plain words, each beside its chance level. */

import { count, percent, t } from "../i18n";
import { session } from "../session";
import { ProbePanel } from "./ProbePanel";
import { selectedRows } from "../state";

/** The measured leakage as an amount beside chance, as in the report; `short` leaves out the interval. */
export function leakageText(short = false): string {
  const m = session().data.manifest.truth.metrics;
  if (!("leakage.max" in m)) return t("truth.unknown");
  return t(short ? "truth.badge" : "truth.amount", {
    value: m["leakage.max"].toFixed(2),
    low: m["leakage.low"].toFixed(2),
    high: m["leakage.high"].toFixed(2),
    chance: m["leakage.majority"].toFixed(2),
  });
}

export function TruthPanel() {
  const { data } = session();
  const { truth, label, source, licence } = data.manifest;
  const m = truth.metrics;
  return (
    <>
      <p class="verdict">{leakageText()}</p>
      {!("leakage.max" in m) && <p>{t("truth.none")}</p>}
      {"leakage.max" in m && (
        <Figure
          name={t("truth.leakage", {
            label,
            value: percent(m["leakage.max"]),
            low: percent(m["leakage.low"]),
            high: percent(m["leakage.high"]),
            rows: count(m["leakage.rows"]),
            chance: percent(m["leakage.majority"]),
          })}
          value={m["leakage.max"]}
          low={m["leakage.low"]}
          high={m["leakage.high"]}
          chance={m["leakage.majority"]}
        />
      )}
      <Sufficiency />
      {"swap.label" in m && (
        <Figure
          name={t("truth.swap", { value: percent(m["swap.label"]), control: percent(m["swap.control.label"]) })}
          value={m["swap.label"]}
          chance={m["leakage.majority"]}
          isGood={m["swap.label"] > 0.9}
        />
      )}
      {"swap.rest_r2" in m && (
        <Figure
          name={t("truth.rest", { value: m["swap.rest_r2"].toFixed(2) })}
          value={Math.max(0, m["swap.rest_r2"])}
          chance={0}
          isGood={m["swap.rest_r2"] > 0.5}
        />
      )}
      {factors().map(({ name, value, baseline }) => (
        <Figure
          key={name}
          name={t("truth.factor", { factor: name, value: value.toFixed(2), baseline: baseline?.toFixed(2) ?? "–" })}
          value={Math.max(0, value)}
          chance={0}
          isGood={value > 0.1}
        />
      ))}
      {truth.warnings.length > 0 && (
        <section>
          <h2>{t("truth.warnings")}</h2>
          <ul>
            {truth.warnings.map((warning) => (
              <li key={warning} lang="en">
                {warning}
              </li>
            ))}
          </ul>
        </section>
      )}
      <ProbePanel rows={selectedRows.value} />
      <section>
        <h2>{t("truth.help")}</h2>
        <p>{t("truth.terms")}</p>
      </section>
      <details>
        <summary>{t("truth.all")}</summary>
        <table class="metrics">
          <tbody>
            {Object.entries(m).map(([name, value]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{value.toFixed(3)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
      {(truth.command || source) && (
        <p class="help">
          {truth.command && `${t("truth.source")}: ${truth.command}. `}
          {source && `${t("source.data")}: ${source}. `}
          {licence && `${t("licence")}: ${licence}`}
        </p>
      )}
    </>
  );
}

function Sufficiency() {
  const { truth, label } = session().data.manifest;
  const value = truth.metrics["sufficiency.predict"] ?? truth.metrics["leakage.positive_control"];
  if (value === undefined) return null;
  return (
    <Figure
      name={t("truth.sufficiency", { label, value: percent(value) })}
      value={value}
      chance={truth.metrics["leakage.majority"]}
      isGood={value > 0.9}
    />
  );
}

/** Factors that clusters were scored against. */
function factors(): { name: string; value: number; baseline: number | undefined }[] {
  const { metrics } = session().data.manifest.truth;
  const found = [];
  for (const [key, value] of Object.entries(metrics)) {
    const match = /^clusters\.(.+)\.z_rest$/.exec(key);
    if (match) found.push({ name: match[1], value, baseline: metrics[`clusters.${match[1]}.features`] });
  }
  return found;
}

function Figure(props: {
  name: string;
  value: number;
  low?: number;
  high?: number;
  chance?: number;
  /** Whether a value is good or bad; without it, the bar only shows the amount. */
  isGood?: boolean;
}) {
  const { value, low, high, chance } = props;
  const at = (share: number) => `${100 * Math.min(1, Math.max(0, share))}%`;
  return (
    <div class="figure">
      <p>{props.name}</p>
      <div class="scale" aria-hidden="true">
        <i class={props.isGood === undefined ? "amount" : props.isGood ? "good" : "bad"} style={{ width: at(value) }} />
        {low !== undefined && high !== undefined && (
          <em style={{ left: at(low), width: at(high - low) }} />
        )}
        {chance !== undefined && <b style={{ left: at(chance) }} title={`${t("truth.chance")}: ${percent(chance)}`} />}
      </div>
    </div>
  );
}
