import { effect } from "@preact/signals";
import { render } from "preact";
import { openData } from "./data/load";
import { Thumbnails } from "./data/pictures";
import { t } from "./i18n";
import { axesOf, followState } from "./marks";
import { Network } from "./network/session";
import { session, setSession } from "./session";
import { colour, fail, followAddress, fromHash, language, map, pinA, pinB, theme } from "./state";
import { App } from "./ui/App";
import "./style.css";

const PREFETCHED_SHEETS = 24;

async function start(root: HTMLElement): Promise<void> {
  root.textContent = t("loading");
  const data = await openData("./data/");
  const numbers = data.manifest.columns.find((one) => one.role === "row");
  const rowNumbers = numbers ? (await data.values(numbers.name)).values : null;
  const thumbnails = new Thumbnails(data);
  const opened = { data, network: new Network(data), thumbnails, rowNumbers };
  setSession(opened);
  document.title = `${data.manifest.title} – wvae`;
  fromHash(location.hash);
  chooseWhatExists();
  effect(() => {
    document.documentElement.lang = language.value;
    if (theme.value) document.documentElement.dataset.theme = theme.value;
  });
  followState();
  followAddress();
  root.textContent = "";
  render(<App />, root);
  document.body.dataset.ready = "true";
  opened.thumbnails.prefetch(PREFETCHED_SHEETS);
  // When the map has been drawn: the first picture of the decoder then need not wait.
  setTimeout(() => opened.network.warmUp().catch(fail), 1500);
}

/** Replace what the link names but the data do not have. */
function chooseWhatExists(): void {
  const { maps, columns, n } = session().data.manifest;
  if (!maps.some((one) => one.id === map.value) && !axesOf(map.value)) map.value = maps[0].id;
  if (!columns.some((one) => one.name === colour.value)) {
    colour.value = columns.find((one) => one.role === "label")?.name ?? columns[0]?.name ?? "";
  }
  for (const pin of [pinA, pinB]) if (pin.value !== null && pin.value >= n) pin.value = null;
}

const root = document.getElementById("app");
if (root) {
  start(root).catch((error: unknown) => {
    root.className = "failure";
    root.textContent = t("error", { message: error instanceof Error ? error.message : String(error) });
    console.error(error);
  });
}
