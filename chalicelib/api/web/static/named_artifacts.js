// Values that an experiment keeps under names: what each reads as, and all that was logged.
import { html, useEffect, useState } from "preact";
import { call, get, located, segment } from "./api.js";
import { Download } from "./download.js";
import { useData } from "./data.js";
import { counted, number, time } from "./format.js";
import { Preview } from "./preview.js";
import { AskedButton } from "./asked_button.js";
import { adjust } from "./router.js";
import { Lines } from "./svg_lines.js";
import { Await, Code, Empty, Failure, When } from "./ui.js";

const PAGE = 100;
const POINTS = 10_000;
const MOST_DRAWN = 2000;
const SHORT = 120;

/** @typedef {{ artifacts: NamedValue[], next_cursor: string | null }} Names */

/** @param {{ experiment: Experiment, place: import("./router.js").Place }} props */
export function NamedArtifacts({ experiment, place }) {
  const path = `api/v1/experiments/${segment(experiment.id)}/artifacts`;
  const loaded = useData((signal) => get(path, { limit: PAGE }, signal), [path]);
  return html`
    <${Await} loaded=${loaded} what="values">
      ${(/** @type {Names} */ first) =>
        html`<${Listed} experiment=${experiment} place=${place} path=${path} first=${first} reload=${loaded.reload} />`}
    </${Await}>
  `;
}

/**
 * @param {{ experiment: Experiment, place: import("./router.js").Place, path: string, first: Names,
 *   reload: () => void }} props
 */
function Listed({ experiment, place, path, first, reload }) {
  const [pages, setPages] = useState(/** @type {Names[]} */ ([]));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  useEffect(() => setPages([]), [first]);
  const cursor = (pages.at(-1) ?? first).next_cursor;
  const all = [first, ...pages].flatMap((page) => page.artifacts);
  const open = place.query.getAll("open");
  if (all.length === 0) {
    return html`<${Empty} title="No named values yet" code=${beginning(experiment, document.baseURI)}>
      <p>A name keeps an entry for each write, and reads back as a value, a timeseries or a file:</p>
    </${Empty}>`;
  }
  const more = async () => {
    setBusy(true);
    try {
      const page = await get(path, { limit: PAGE, cursor });
      setPages((old) => [...old, page]);
      setError(null);
    } catch (refused) {
      setError(/** @type {Error} */ (refused));
    }
    setBusy(false);
  };
  const toggle = (/** @type {string} */ name) =>
    adjust(place, { open: open.includes(name) ? open.filter((one) => one !== name) : [...open, name] });
  return html`
    <p class="faint" role="status">${counted(all.length, "name")}${cursor === null ? "" : " so far"}</p>
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
    ${error !== null && html`<${Failure} error=${error} />`}
    ${cursor !== null && html`<button type="button" disabled=${isBusy} onClick=${more}>Show more</button>`}
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
        html`<${AskedButton} label="Delete" isQuiet about=${named.name} title=${`Delete ${named.name}?`} verb="Delete" act=${remove}>
          <p>The name goes, with ${named.entries === 1 ? "its entry" : `all of its ${counted(named.entries, "entry").replace("entrys", "entries")}`}. This cannot be undone.</p>
        </${AskedButton}>`}
      </td>
    </tr>
    ${isOpen &&
    html`<tr class="named-row">
      <td colspan="6"><div class="named-open"><${Opened} named=${named} path=${own} /></div></td>
    </tr>`}
  `;
}

/** @param {{ named: NamedValue, path: string }} props */
function Opened({ named, path }) {
  const loaded = useData((signal) => get(path, { limit: POINTS }, signal), [path, named.last_updated]);
  return html`<${Await} loaded=${loaded} what=${named.name}>
    ${(/** @type {NamedValue} */ whole) => html`<${Whole} named=${whole} path=${path} />`}
  </${Await}>`;
}

/** @param {{ named: NamedValue, path: string }} props */
function Whole({ named, path }) {
  if (named.kind === "timeseries") {
    return html`<${Series} named=${named} />`;
  }
  if (named.kind === "value") {
    return typeof named.value === "string"
      ? html`<${Code} text=${named.value} />`
      : html`<${Code} text=${JSON.stringify(named.value, null, 2)} />`;
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
  // ordered by x, so every n-th keeps the shape well enough for a glance
  const every = Math.max(1, Math.ceil(points.length / MOST_DRAWN));
  const drawn = points.filter((_, index) => index % every === 0 || index === points.length - 1);
  const last = points.at(-1);
  return html`
    <${Lines} title=${`${named.name} over ${named.x?.label ?? "x"}`} xKind=${named.x?.type === "time" ? "time" : "number"}
      lines=${[{ name: named.y?.label ?? named.name, colour: 1, points: drawn }]} />
    <p class="faint">
      ${counted(points.length, "point")}${named.next_cursor === null ? "" : ", the first of more"}${every > 1 ? `, one in ${every} drawn` : ""}${last ? `. Last: ${number(last.y)} at ${named.x?.type === "time" ? time(last.x) : number(last.x)}.` : ""}
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
