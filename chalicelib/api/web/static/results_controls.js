// What of the results is looked at, and how: all of it in the address.
import { html } from "preact";
import { plain } from "./format.js";
import { level } from "./results_conclusions.js";
import { adjust } from "./router.js";

const LEVELS = ["0.8", "0.9", "0.95", "0.99"];

/**
 * @param {{ experiment: Experiment, place: import("./router.js").Place, metrics: string[] }} props
 *   `metrics` are all that are known, whichever is chosen
 */
export function ResultsControls({ experiment, place, metrics }) {
  const set = (/** @type {string} */ name) => (/** @type {string} */ one) => adjust(place, { [name]: one });
  const day = (/** @type {string} */ name) => html`<input type="date" value=${value(name)}
    onChange=${(/** @type {any} */ event) => set(name)(event.target.value)} />`;
  const variants = experiment.variants.map((one) => one.key);
  const value = (/** @type {string} */ name) => place.query.get(name) ?? "";
  const confidence = value("confidence") || "0.95";
  const levels = LEVELS.includes(confidence) ? LEVELS : [...LEVELS, confidence];
  const all = ["metric", "baseline", "confidence", "from", "to", "dimension", "shown"];
  return html`
    <div class="toolbar results-controls">
      <${Choice} label="Metric" value=${value("metric")} choose=${set("metric")} options=${["", ...metrics]} empty="all" />
      <${Choice} label="Compared with" value=${value("baseline") || variants[0]} choose=${set("baseline")} options=${variants} />
      <${Choice} label="Differences" value=${value("shown")} choose=${set("shown")} options=${["", "relative"]}
        empty="in the metric's unit" text=${() => "in percent"} />
      <${Choice} label="Confidence" value=${confidence} options=${levels} text=${(/** @type {string} */ one) => level(Number(one))}
        choose=${(/** @type {string} */ one) => adjust(place, { confidence: one === "0.95" ? null : one })} />
      ${experiment.dimensions.length > 0 &&
      html`<${Choice} label="Split by" value=${value("dimension")} choose=${set("dimension")} options=${["", ...experiment.dimensions]} empty="nothing" />`}
      <span class="results-days"><label class="inline">From ${day("from")}</label>
      <label class="inline">to ${day("to")}</label> <span class="faint">in UTC</span></span>
      <label class="inline">
        <input type="checkbox" checked=${value("over") === "1"}
          onChange=${(/** @type {any} */ event) => adjust(place, { over: event.target.checked ? "1" : null })} />
        Over time
      </label>
      ${all.some(value) &&
      html`<button type="button" class="quiet" onClick=${() => adjust(place, Object.fromEntries(all.map((name) => [name, null])))}>
        Reset
      </button>`}
    </div>
  `;
}

/**
 * @param {{ label: string, value: string | undefined, options: string[], choose: (value: string) => void,
 *   empty?: string, text?: (option: string) => string }} props `empty` is what the option "" is called
 */
export function Choice({ label, value, options, choose, empty = "", text = plain }) {
  return html`<label class="inline">${label}${" "}
    <select value=${value} onChange=${(/** @type {any} */ event) => choose(event.target.value)}>
      ${options.map((one) => html`<option key=${one} value=${one}>${one === "" ? empty : text(one)}</option>`)}
    </select>
  </label>`;
}
