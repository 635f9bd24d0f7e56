// Values that an experiment keeps under names: what each reads as, and all that was logged.
import { html, useState } from "preact";
import { call, get, key, located, segment } from "./api.js";
import { Download } from "./download.js";
import { useData, usePages } from "./data.js";
import { counted, number, plain, time } from "./format.js";
import { thinned } from "./named_artifacts_points.js";
import { Preview } from "./preview.js";
import { indented, memberText } from "./preview_kind.js";
import { AskedButton } from "./asked_button.js";
import { adjust } from "./router.js";
import { Lines } from "./svg_lines.js";
import { Await, Code, Empty, Failure, When } from "./ui.js";

const PAGE = 100;
const POINTS = 10_000;
const MOST_POINTS = 100_000;
const MOST_DRAWN = 2000;
const SHORT = 120;

/** @typedef {{ artifacts: NamedValue[], next_cursor: string | null }} Names */

/** @param {{ experiment: Experiment, place: import("./router.js").Place }} props */
export function NamedArtifacts({ experiment, place }) {
  const path = `api/v1/experiments/${segment(experiment.id)}/artifacts`;
  const [round, setRound] = useState(0);
  const pages = usePages(
    /** @returns {Promise<Names>} */ (cursor, signal) => get(path, { limit: PAGE, cursor }, signal),
    (page) => page.artifacts,
    [path, round],
  );
  return html`
    <${Await} loaded=${pages.first} what="values">
      ${() => html`<${Listed} experiment=${experiment} place=${place} path=${path} pages=${pages} reload=${() => setRound(round + 1)} />`}
    </${Await}>
  `;
}

/**
 * @param {{ experiment: Experiment, place: import("./router.js").Place, path: string, pages: any,
 *   reload: () => void }} props
 */
function Listed({ experiment, place, path, pages, reload }) {
  const all = /** @type {NamedValue[]} */ (pages.items);
  const open = place.query.getAll("open");
  if (all.length === 0) {
    return html`<${Empty} title="No named values yet" code=${beginning(experiment, document.baseURI)}>
      <p>A name keeps an entry for each write, and reads back as a value, a timeseries or a file:</p>
    </${Empty}>`;
  }
  const toggle = (/** @type {string} */ name) =>
    adjust(place, { open: open.includes(name) ? open.filter((one) => one !== name) : [...open, name] });
  return html`
    <p class="faint" role="status">${pages.more && "The first "}${counted(all.length, "name")}</p>
    <div class="scroll">
      <table class="whole">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Reads as</th>
            <th scope="col">Value</th>
            <th scope="col" class="number">Entries</th>
            <th scope="col">Written</th>
            <th scope="col"><span class="hidden-label">Delete</span></th>
          </tr>
        </thead>
        <tbody>
          ${all.map((one) => html`<${Row} key=${one.name} named=${one} path=${path} isOpen=${open.includes(one.name)}
            toggle=${() => toggle(one.name)} reload=${reload} mayDelete=${experiment.lifecycle_stage === "active"} />`)}
        </tbody>
      </table>
    </div>
    ${pages.error !== null && html`<${Failure} error=${pages.error} />`}
    ${pages.more && html`<button type="button" disabled=${pages.isBusy} onClick=${pages.load}>Show more</button>`}
  `;
}

/**
 * @param {{ named: NamedValue, path: string, isOpen: boolean, toggle: () => void, reload: () => void,
 *   mayDelete: boolean }} props
 */
function Row({ named, path, isOpen, toggle, reload, mayDelete }) {
  const own = `${path}/${segment(named.name)}`;
  const remove = async () => {
    await call("DELETE", own);
    reload();
  };
  return html`
    <tr>
      <td class="long">
        <button type="button" class="quiet in-row" aria-expanded=${isOpen} onClick=${toggle}>
          <span aria-hidden="true">${isOpen ? "▾" : "▸"}</span> ${named.name}
        </button>
      </td>
      <td>${named.kind === "application" ? (named.mime_type ?? "file") : named.kind}</td>
      <td class="named-value">${named.kind === "value" ? shortText(named.value) : html`<span class="faint">${named.mime_type ?? ""}</span>`}</td>
      <td class="number">${named.entries.toLocaleString("en")}</td>
      <td><${When} at=${named.last_updated} /></td>
      <td>
        ${mayDelete &&
        html`<${AskedButton} label="Delete" isQuiet about=${plain(named.name)} title=${`Delete ${plain(named.name)}?`} verb="Delete" act=${remove}>
          <p>The name goes, with ${named.entries === 1 ? "its entry" : `all of its ${named.entries.toLocaleString("en")} entries`}. This cannot be undone.</p>
        </${AskedButton}>`}
      </td>
    </tr>
    ${isOpen &&
    html`<tr class="named-row">
      <td colspan="6"><div class="named-open"><${Opened} named=${named} path=${own} /></div></td>
    </tr>`}
  `;
}

/** @typedef {NamedValue & { text: string }} Whole `text` of a value, with all digits that were logged */

/** @param {{ named: NamedValue, path: string }} props */
function Opened({ named, path }) {
  const loaded = useData((signal) => whole(path, signal), [path, named.last_updated]);
  return html`<${Await} loaded=${loaded} what=${named.name}>
    ${(/** @type {Whole} */ found) => html`<${Contents} named=${found} path=${path} />`}
  </${Await}>`;
}

/** @param {string} path @param {AbortSignal} signal @returns {Promise<Whole>} with the points of all pages, up to a bound */
async function whole(path, signal) {
  /** @type {NamedValue} */
  const named = await get(path, { limit: POINTS }, signal);
  while (named.points !== null && named.next_cursor !== null && named.points.length < MOST_POINTS) {
    const page = await get(path, { limit: POINTS, cursor: named.next_cursor }, signal);
    named.points.push(...page.points);
    named.next_cursor = page.next_cursor;
  }
  const text = typeof named.value === "string" ? named.value : JSON.stringify(named.value, null, 2);
  return { ...named, text: /\d{16}/.test(text) && typeof named.value !== "string" ? await written(path, signal) : text };
}

/** The value as the answer spells it: a double has no room for large integers. @param {string} path @param {AbortSignal} signal */
async function written(path, signal) {
  const headers = { accept: "application/json", "x-api-key": key() ?? "" };
  const answer = await fetch(new URL(`${path}?limit=1`, document.baseURI), { signal, headers, cache: "no-store", credentials: "omit" });
  if (!answer.ok) {
    throw new Error(`the value cannot be read: status ${answer.status}`);
  }
  return indented(memberText(await answer.text(), "value"));
}

/** @param {{ named: Whole, path: string }} props */
function Contents({ named, path }) {
  if (named.kind === "timeseries") {
    return html`<${Series} named=${named} />`;
  }
  if (named.kind === "value") {
    return html`<${Code} text=${named.text} />`;
  }
  return html`
    <${Preview} url_of=${(/** @type {AbortSignal | undefined} */ signal) => located(`${path}/content`, { inline: true }, signal)}
      name=${named.name} mime=${named.mime_type} />
    <p><${Download} name=${named.name} url_of=${() => located(`${path}/content`)} /></p>
  `;
}

/** @param {{ named: NamedValue }} props */
function Series({ named }) {
  const points = named.points ?? [];
  const drawn = thinned(points, MOST_DRAWN);
  const isWhole = named.next_cursor === null;
  const last = points.at(-1);
  return html`
    <${Lines} title=${plain(`${named.name} over ${named.x?.label ?? "x"}`)} xKind=${named.x?.type === "time" ? "time" : "number"}
      lines=${[{ name: named.y?.label ?? named.name, colour: 1, points: drawn }]} />
    <p class="faint">
      ${isWhole ? "" : "The first "}${counted(points.length, "point")}${isWhole ? "" : " of more"}${drawn.length < points.length ? `, ${drawn.length.toLocaleString("en")} drawn with all peaks` : ""}${last ? `. ${isWhole ? "Last" : "Last of them"}: ${number(last.y)} at ${named.x?.type === "time" ? time(last.x) : number(last.x)}.` : ""}
    </p>
  `;
}

/** @param {unknown} value */
function shortText(value) {
  const text = typeof value === "number" ? number(value) : typeof value === "string" ? value : JSON.stringify(value);
  return text.length > SHORT ? `${text.slice(0, SHORT)}…` : text;
}

/** @param {Experiment} experiment @param {string} base */
function beginning(experiment, base) {
  const url = `${base}api/v1/experiments/${experiment.slug}/artifacts`;
  const head = `curl "${url}" -u ":$TRIALBOOK_API_KEY" \\\n  -H content-type:application/json -d`;
  return `${head} '{"name": "best accuracy", "kind": "value", "value": 0.93}'
${head} '{"name": "drift", "kind": "timeseries", "points": [{"x": 1, "y": 0.2}, {"x": 2, "y": 0.3}]}'
${head} '{"name": "settings", "kind": "dict", "value": {"layers": [64, 32]}}'`;
}
