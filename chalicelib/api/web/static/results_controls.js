// What of the results is looked at, and how: all of it in the address.
import { html } from "preact";
import { adjust } from "./router.js";

const LEVELS = ["0.8", "0.9", "0.95", "0.99"];

/**
 * @param {{ experiment: Experiment, place: import("./router.js").Place, metrics: string[] }} props
 *   `metrics` are all that are known, whichever is chosen
 */
export function ResultsControls({ experiment, place, metrics }) {
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) => adjust(place, { [name]: event.target.value });
  const value = (/** @type {string} */ name) => place.query.get(name) ?? "";
  const confidence = value("confidence") || "0.95";
  const levels = LEVELS.includes(confidence) ? LEVELS : [...LEVELS, confidence];
  const isChanged = ["metric", "baseline", "confidence", "from", "to", "dimension", "shown"].some((name) => value(name));
  return html`
    <div class="toolbar results-controls">
      <label class="inline">Metric
        <select value=${value("metric")} onChange=${set("metric")}>
          <option value="">all</option>
          ${metrics.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
        </select>
      </label>
      <label class="inline">Compared with
        <select value=${value("baseline") || experiment.variants[0]?.key} onChange=${set("baseline")}>
          ${experiment.variants.map((one) => html`<option key=${one.key} value=${one.key}>${one.key}</option>`)}
        </select>
      </label>
      <label class="inline">Differences
        <select value=${value("shown")} onChange=${set("shown")}>
          <option value="">in the metric's unit</option>
          <option value="relative">in percent</option>
        </select>
      </label>
      <label class="inline">Confidence
        <select value=${confidence} onChange=${(/** @type {any} */ event) =>
          adjust(place, { confidence: event.target.value === "0.95" ? null : event.target.value })}>
          ${levels.map((one) => html`<option key=${one} value=${one}>${Number((100 * Number(one)).toFixed(4))} %</option>`)}
        </select>
      </label>
      ${experiment.dimensions.length > 0 &&
      html`<label class="inline">Split by
        <select value=${value("dimension")} onChange=${set("dimension")}>
          <option value="">nothing</option>
          ${experiment.dimensions.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
        </select>
      </label>`}
      <span class="results-days"><label class="inline">From
        <input type="date" value=${value("from")} onChange=${set("from")} />
      </label>
      <label class="inline">to
        <input type="date" value=${value("to")} onChange=${set("to")} />
      </label></span>
      <label class="inline">
        <input type="checkbox" checked=${value("over") === "1"}
          onChange=${(/** @type {any} */ event) => adjust(place, { over: event.target.checked ? "1" : null })} />
        Over time
      </label>
      ${isChanged &&
      html`<button type="button" class="quiet" onClick=${() =>
        adjust(place, { metric: null, baseline: null, confidence: null, from: null, to: null, dimension: null, shown: null })}>
        Reset
      </button>`}
    </div>
  `;
}
