// The newest logs of an A/B experiment, and what one of them holds.
import { html, useState } from "preact";
import { get, segment } from "./api.js";
import { usePages } from "./data.js";
import { number } from "./format.js";
import { Choice } from "./results_controls.js";
import { adjust } from "./router.js";
import { Await, Code, Dialog, Failure, When } from "./ui.js";

const PAGE = 20;
const CONDITION = /^\s*[^<>=!]+\s*(>=|<=|!=|=|>|<)\s*[^\s<>=!]+\s*$/;

/** @param {{ experiment: Experiment, place: import("./router.js").Place, metrics: string[] }} props */
export function ResultsLogs({ experiment, place, metrics }) {
  const variant = place.query.get("variant") ?? "";
  const where = place.query.getAll("where");
  const query = {
    variant, metric: where, from: place.query.get("from"), to: place.query.get("to"), limit: PAGE,
  };
  const path = `experiment/${segment(experiment.slug)}/logs`;
  const [round, setRound] = useState(0);
  const list = usePages(
    (cursor, signal) => get(path, { ...query, cursor }, signal),
    (/** @type {{ logs: VariantLog[], next_cursor: string | null }} */ page) => page.logs,
    [path, JSON.stringify(query), round],
  );
  return html`
    <h2>Recent logs</h2>
    <div class="toolbar">
      <${Choice} label="Variant" value=${variant} options=${["", ...experiment.variants.map((one) => one.key)]} empty="all"
        choose=${(/** @type {string} */ one) => adjust(place, { variant: one })} />
      <${Condition} place=${place} where=${where} metrics=${metrics} />
      ${where.map(
        (one) => html`<button key=${one} type="button" onClick=${() => adjust(place, { where: where.filter((other) => other !== one) })}>
          ${one} <span aria-hidden="true">✕</span><span class="hidden-label"> remove</span>
        </button>`,
      )}
      <button type="button" class="quiet" onClick=${() => setRound(round + 1)}>Refresh</button>
    </div>
    ${(query.from || query.to) && html`<p class="faint told">Days are chosen in UTC; times are those here.</p>`}
    <${Await} loaded=${list.first} what="logs">
      ${() => html`<${Listed} list=${list} isFiltered=${Boolean(variant || where.length > 0 || query.from || query.to)} />`}
    </${Await}>
  `;
}

/** @param {{ place: import("./router.js").Place, where: string[], metrics: string[] }} props */
function Condition({ place, where, metrics }) {
  const [text, setText] = useState("");
  const [isWrong, setWrong] = useState(false);
  const example = `${metrics[0] ?? "latency_ms"}>100`;
  const add = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!CONDITION.test(text)) {
      setWrong(true);
      return;
    }
    adjust(place, { where: [...where.filter((one) => one !== text.trim()), text.trim()] });
    setText("");
    setWrong(false);
  };
  return html`
    <form class="inline" onSubmit=${add}>
      <label class="hidden-label" for="log-condition">Only logs with</label>
      <input id="log-condition" placeholder=${`only ${example}`} value=${text} aria-invalid=${isWrong}
        aria-describedby="log-condition-said" onInput=${(/** @type {any} */ event) => setText(event.target.value)} />
      <button type="submit">Add</button>
      <span id="log-condition-said" role="status">${isWrong ? `Write a metric, a sign and a number: ${example}` : ""}</span>
    </form>
  `;
}

/** @param {{ list: { items: VariantLog[], more: boolean, isBusy: boolean, error: Error | null, load: () => void }, isFiltered: boolean }} props */
function Listed({ list, isFiltered }) {
  const { items: logs, error } = list;
  const [open, setOpen] = useState(/** @type {VariantLog | null} */ (null));
  return html`
    ${logs.length === 0
      ? html`<p>${isFiltered ? "No log fits." : "There are no logs yet."}</p>`
      : html`<div class="scroll">
          <table class="whole">
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Variant</th>
                <th scope="col">Unit</th>
                <th scope="col">Metrics</th>
                <th scope="col"><span class="hidden-label">Details</span></th>
              </tr>
            </thead>
            <tbody>
              ${logs.map(
                (one) => html`<tr key=${one.logId}>
                  <td class="nowrap"><${When} at=${one.timestamp} /></td>
                  <td><bdi>${one.variantKey}</bdi></td>
                  <td class="long">${one.unitId !== null ? html`<bdi>${one.unitId}</bdi>` : html`<span class="faint">none</span>`}</td>
                  <td class="log-metrics long">
                    ${Object.entries(one.metrics).map(
                      ([name, value]) => html`<span key=${name}><bdi class="faint">${name}</bdi> ${number(value)}</span>`,
                    )}
                  </td>
                  <td><button type="button" class="quiet in-row" aria-label=${`Details of ${one.logId}`} onClick=${() => setOpen(one)}>Details</button></td>
                </tr>`,
              )}
            </tbody>
          </table>
        </div>`}
    ${error !== null && html`<${Failure} error=${error} />`}
    ${list.more && html`<button type="button" disabled=${list.isBusy} onClick=${list.load}>Show more</button>`}
    ${open !== null &&
    html`<${Dialog} title=${`Log of ${open.variantKey}`} close=${() => setOpen(null)} wide>
      ${hasRounded(open) && html`<p class="notice">Whole numbers beyond 9,007,199,254,740,991 are rounded here; the API answers them as they were logged.</p>`}
      <${Code} text=${JSON.stringify(open, null, 2)} />
    </${Dialog}>`}
  `;
}

/** Whether a whole number in it was longer than a double can tell. @param {unknown} value @returns {boolean} */
function hasRounded(value) {
  return typeof value === "object" && value !== null
    ? Object.values(value).some(hasRounded)
    : Number.isInteger(value) && !Number.isSafeInteger(value);
}
