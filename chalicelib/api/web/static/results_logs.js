// The newest logs of an A/B experiment, and what one of them holds.
import { html, useEffect, useState } from "preact";
import { get, segment } from "./api.js";
import { useData } from "./data.js";
import { number } from "./format.js";
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
  const asked = JSON.stringify(query);
  const loaded = useData((signal) => get(path, query, signal), [path, asked]);
  return html`
    <h2>Recent logs</h2>
    <div class="toolbar">
      <label class="inline">Variant
        <select value=${variant} onChange=${(/** @type {any} */ event) => adjust(place, { variant: event.target.value })}>
          <option value="">all</option>
          ${experiment.variants.map((one) => html`<option key=${one.key} value=${one.key}>${one.key}</option>`)}
        </select>
      </label>
      <${Condition} place=${place} where=${where} metrics=${metrics} />
      ${where.map(
        (one) => html`<button key=${one} type="button" onClick=${() => adjust(place, { where: where.filter((other) => other !== one) })}>
          ${one} <span aria-hidden="true">✕</span><span class="hidden-label"> remove</span>
        </button>`,
      )}
      <button type="button" class="quiet" onClick=${loaded.reload}>Refresh</button>
    </div>
    <${Await} loaded=${loaded} what="logs">
      ${(/** @type {{ logs: VariantLog[], next_cursor: string | null }} */ page) =>
        html`<${Listed} key=${asked} first=${page} path=${path} query=${query} isFiltered=${variant !== "" || where.length > 0} />`}
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

/**
 * @param {{ first: { logs: VariantLog[], next_cursor: string | null }, path: string,
 *   query: Record<string, any>, isFiltered: boolean }} props
 */
function Listed({ first, path, query, isFiltered }) {
  const [pages, setPages] = useState(/** @type {(typeof first)[]} */ ([]));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const [open, setOpen] = useState(/** @type {VariantLog | null} */ (null));
  // what was loaded after the first page does not follow on a new one
  useEffect(() => setPages([]), [first]);
  const last = pages.at(-1) ?? first;
  const logs = [first, ...pages].flatMap((page) => page.logs);
  const more = async () => {
    setBusy(true);
    try {
      const page = await get(path, { ...query, cursor: last.next_cursor });
      setPages((old) => [...old, page]);
      setError(null);
    } catch (refused) {
      setError(/** @type {Error} */ (refused));
    }
    setBusy(false);
  };
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
                  <td>${one.variantKey}</td>
                  <td class="long">${one.unitId ?? html`<span class="faint">none</span>`}</td>
                  <td class="log-metrics long">
                    ${Object.entries(one.metrics).map(
                      ([name, value]) => html`<span key=${name}><span class="faint">${name}</span> ${number(value)}</span>`,
                    )}
                  </td>
                  <td><button type="button" class="quiet in-row" aria-label=${`Details of ${one.logId}`} onClick=${() => setOpen(one)}>Details</button></td>
                </tr>`,
              )}
            </tbody>
          </table>
        </div>`}
    ${error !== null && html`<${Failure} error=${error} />`}
    ${last.next_cursor && html`<button type="button" disabled=${isBusy} onClick=${more}>Show more</button>`}
    ${open !== null &&
    html`<${Dialog} title=${`Log of ${open.variantKey}`} close=${() => setOpen(null)} wide>
      <${Code} text=${JSON.stringify(open, null, 2)} />
    </${Dialog}>`}
  `;
}
