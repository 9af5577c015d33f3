/** The page: the map on one side, what one does with it on the other. */

import { useState } from "preact/hooks";
import { type Key, count, t } from "../i18n";
import { session } from "../session";
import { TABS, type Tab, failure, language, tab, theme } from "../state";
import { DrawPanel } from "./DrawPanel";
import { ExamplePanel } from "./ExamplePanel";
import { GeneratePanel } from "./GeneratePanel";
import { Legend } from "./Legend";
import { ScatterMap } from "./ScatterMap";
import { SelectionPanel } from "./SelectionPanel";
import { SwapPanel } from "./SwapPanel";
import { Toolbar } from "./Toolbar";
import { TruthPanel, leakageText } from "./TruthPanel";

const PANELS: Record<Tab, () => preact.JSX.Element | null> = {
  example: ExamplePanel,
  selection: SelectionPanel,
  generate: GeneratePanel,
  swap: SwapPanel,
  draw: DrawPanel,
  truth: TruthPanel,
};

export function App() {
  const [lasso, setLasso] = useState(false);
  const Panel = PANELS[tab.value];
  return (
    <div class="page" lang={language.value}>
      <Header />
      {failure.value && (
        <div class="failure" role="alert">
          {t("error", { message: failure.value })}
          <button type="button" onClick={() => (failure.value = null)}>
            {t("close")}
          </button>
        </div>
      )}
      <main>
        <section class="map" aria-label={t("map")}>
          <Toolbar lasso={lasso} setLasso={setLasso} />
          <div class="map-body">
            <ScatterMap lasso={lasso} />
            <Legend />
          </div>
        </section>
        <section class="panel" aria-label={t("panel")}>
          <Tabs />
          <div class="panel-body" role="tabpanel" id="panel" aria-labelledby={`tab-${tab.value}`} tabIndex={0}>
            <Panel />
          </div>
        </section>
      </main>
    </div>
  );
}

function Header() {
  const { title, n, total } = session().data.manifest;
  const size = total ? t("sample", { n: count(n), total: count(total) }) : t("examples", { n: count(n) });
  return (
    <header>
      <h1>
        <span class="logo" aria-hidden="true" />
        {title}
      </h1>
      <p>{size}</p>
      <button type="button" class="badge verdict" onClick={() => (tab.value = "truth")}>
        {leakageText(true)}
      </button>
      <div class="settings">
        <button type="button" onClick={toggleTheme} aria-label={t("theme")} title={t("theme")}>
          ◐
        </button>
        <button
          type="button"
          lang={language.value === "ja" ? "en" : "ja"}
          onClick={() => (language.value = language.value === "ja" ? "en" : "ja")}
        >
          {t("language")}
        </button>
      </div>
    </header>
  );
}

function toggleTheme(): void {
  const isDark = theme.value ? theme.value === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  theme.value = isDark ? "light" : "dark";
}

function nameOfTab(one: Tab): string {
  const { kind, drawing } = session().data.manifest;
  const own: Record<typeof kind, Key> = {
    audio: "tab.draw.sound",
    table: "tab.draw.table",
    image: drawing ? "tab.draw" : "tab.draw.picture",
  };
  return t(one === "draw" ? own[kind] : `tab.${one}`);
}

function Tabs() {
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = TABS[(TABS.indexOf(tab.value) + step + TABS.length) % TABS.length];
    tab.value = next;
    document.getElementById(`tab-${next}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={t("panel")} onKeyDown={onKey}>
      {TABS.map((one) => (
        <button
          key={one}
          id={`tab-${one}`}
          type="button"
          role="tab"
          aria-selected={tab.value === one}
          aria-controls="panel"
          tabIndex={tab.value === one ? 0 : -1}
          onClick={() => (tab.value = one)}
        >
          {nameOfTab(one)}
        </button>
      ))}
    </div>
  );
}
