// How artifacts are searched and narrowed: all of it in the address.
import { html, useState } from "preact";
import { MODES, WINDOWS, labelOf } from "./artifacts_asked.js";
import { useTyped } from "./data.js";
import { adjust, here } from "./router.js";

const KINDS = ["model", "dataset", "image", "plot", "report", "file"];

/** @param {{ asked: import("./artifacts_asked.js").Wanted, place: import("./router.js").Place, kinds: string[] }} props */
export function ArtifactFilters({ asked, place, kinds }) {
  const { typed, setTyped } = useTyped(asked.query, (text) => adjust(here(), { query: text }));
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) => adjust(place, { [name]: event.target.value });
  const labels = Object.entries(asked.labels).map(([key, value]) => `${key}=${value}`);
  return html`
    <form role="search" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <div class="toolbar">
        <span class="grow">
          <label class="hidden-label" for="artifact-query">Search artifacts by what they are about</label>
          <input id="artifact-query" type="search" placeholder="Search artifacts: what are they about?" value=${typed}
            onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} />
        </span>
        <label class="inline">by
          <select value=${asked.mode} disabled=${asked.query.trim() === ""} onChange=${(/** @type {any} */ event) =>
            adjust(place, { mode: event.target.value === "hybrid" ? null : event.target.value })}>
            ${MODES.map((one) => html`<option key=${one} value=${one}>${{ hybrid: "words and meaning", lexical: "words", semantic: "meaning" }[one]}</option>`)}
          </select>
        </label>
      </div>
      <div class="toolbar artifact-filters">
        <${Typed} name="kind" label="Kind" value=${asked.kind} place=${place} list=${[...new Set([...kinds, ...KINDS])]} />
        <${Added} label="Tag" example="production" check=${() => true} add=${(/** @type {string} */ one) => adjust(here(), { tag: [...new Set([...asked.tags, one])] })} />
        <${Added} label="Label" example="team=red" check=${(/** @type {string} */ one) => labelOf(one) !== null}
          add=${(/** @type {string} */ one) => adjust(here(), { label: [...new Set([...labels, one])] })} />
        <${Typed} name="run" label="Run" value=${asked.run} place=${place} list=${[]} />
        <label class="inline">From
          <select value=${asked.since} onChange=${set("since")}>
            <option value="">any time</option>
            ${WINDOWS.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}
            ${asked.since && !WINDOWS.some(([value]) => value === asked.since) && html`<option value=${asked.since}>${asked.since}</option>`}
          </select>
        </label>
        <${Typed} name="metric" label="Best by" value=${asked.metric} place=${place} list=${[]} example="accuracy" />
        ${asked.metric &&
        html`<label class="inline"><span class="hidden-label">Which is best</span>
          <select value=${asked.best} onChange=${set("best")}>
            <option value="max">highest</option>
            <option value="min">lowest</option>
          </select>
        </label>`}
        <label class="inline">
          <input type="checkbox" checked=${asked.pinned === true}
            onChange=${(/** @type {any} */ event) => adjust(place, { pinned: event.target.checked ? "1" : null })} />
          Pinned
        </label>
      </div>
      ${(asked.tags.length > 0 || labels.length > 0 || asked.experiment !== "") &&
      html`<div class="toolbar">
        ${asked.tags.map((one) => html`<${Chip} key=${one} text=${one} drop=${() => adjust(place, { tag: asked.tags.filter((other) => other !== one) })} />`)}
        ${labels.map((one) => html`<${Chip} key=${one} text=${one} drop=${() => adjust(place, { label: labels.filter((other) => other !== one) })} />`)}
        ${asked.experiment && html`<${Chip} text="of one experiment" drop=${() => adjust(place, { experiment: null })} />`}
      </div>`}
    </form>
  `;
}

/** @param {{ text: string, drop: () => void }} props */
function Chip({ text, drop }) {
  const click = (/** @type {any} */ event) => {
    const chip = event.currentTarget;
    // it goes, and the focus would go with it
    (chip.nextElementSibling ?? chip.previousElementSibling ?? chip.form.querySelector("input")).focus();
    drop();
  };
  return html`<button type="button" onClick=${click}><bdi>${text}</bdi> <span aria-hidden="true">✕</span><span class="hidden-label"> remove</span></button>`;
}

/**
 * One value; taken when the field is left or Enter is pressed.
 * @param {{ name: string, label: string, value: string, place: import("./router.js").Place, list: string[], example?: string }} props
 */
function Typed({ name, label, value, place, list, example = "" }) {
  const take = (/** @type {any} */ event) => adjust(place, { [name]: event.target.value.trim() });
  return html`<label class="inline">${label}
    <input value=${value} placeholder=${example} list=${list.length > 0 ? `known-${name}` : undefined} spellcheck=${false} onChange=${take} />
    ${list.length > 0 && html`<datalist id=${`known-${name}`}>${list.map((one) => html`<option key=${one} value=${one}></option>`)}</datalist>`}
  </label>`;
}

/** One more of several. @param {{ label: string, example: string, check: (text: string) => boolean, add: (text: string) => void }} props */
function Added({ label, example, check, add }) {
  const [text, setText] = useState("");
  const [isWrong, setWrong] = useState(false);
  const take = () => {
    const given = text.trim();
    if (given === "") {
      setWrong(false);
    } else if (check(given)) {
      setText("");
      setWrong(false);
      add(given);
    } else {
      setWrong(true);
    }
  };
  return html`<label class="inline">${label}
    <input value=${text} placeholder=${example} spellcheck=${false} aria-invalid=${isWrong}
      onInput=${(/** @type {any} */ event) => setText(event.target.value)} onChange=${take} />
    ${isWrong && html`<span role="status">like ${example}</span>`}
  </label>`;
}
