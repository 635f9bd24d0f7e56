// A run's name and tags, changed.
import { html, useState } from "preact";
import { call, segment } from "./api.js";
import { Dialog, Failure } from "./ui.js";

/** @typedef {{ name: string, value: string }} Row */

/** @param {{ run: Run, close: () => void, reload: () => void }} props */
export function RunEdit({ run, close, reload }) {
  const [name, setName] = useState(run.name);
  const [rows, setRows] = useState(() => ownTags(run).map(([tag, value]) => ({ name: tag, value })));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const change = (/** @type {number} */ at, /** @type {Partial<Row>} */ part) =>
    setRows((old) => old.map((row, place) => (place === at ? { ...row, ...part } : row)));
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const body = { ...(name !== run.name && { name }), tags: tagChanges(run, rows) };
      await call("PATCH", `api/v1/experiments/runs/${segment(run.run_id)}`, { body });
      reload();
      close();
    } catch (refused) {
      setError(/** @type {Error} */ (refused));
      setBusy(false);
    }
  };
  return html`<${Dialog} title="Name and tags" close=${close}>
    <form class="run-edit" onSubmit=${submit}>
      <label for="run-name">Name</label>
      <input id="run-name" required maxlength="255" value=${name} onInput=${(/** @type {any} */ event) => setName(event.target.value)} />
      <fieldset>
        <legend>Tags</legend>
        ${rows.map(
          (row, at) => html`<div class="run-tag" key=${at}>
            <input aria-label=${`Name of tag ${at + 1}`} placeholder="Name" required maxlength="250" value=${row.name}
              onInput=${(/** @type {any} */ event) => change(at, { name: event.target.value })} />
            <input aria-label=${`Value of tag ${at + 1}`} placeholder="Value" maxlength="8000" value=${row.value}
              onInput=${(/** @type {any} */ event) => change(at, { value: event.target.value })} />
            <button type="button" class="quiet" aria-label=${`Remove tag ${row.name || at + 1}`}
              onClick=${() => setRows((old) => old.filter((_, place) => place !== at))}>✕</button>
          </div>`,
        )}
        <button type="button" onClick=${() => setRows((old) => [...old, { name: "", value: "" }])}>Add a tag</button>
      </fieldset>
      ${error !== null && html`<${Failure} error=${error} />`}
      <footer>
        <button type="button" class="quiet" onClick=${close}>Cancel</button>
        <button type="submit" class="primary" disabled=${isBusy}>Save</button>
      </footer>
    </form>
  </${Dialog}>`;
}

/** Those of programs are theirs to change. @param {Run} run */
function ownTags(run) {
  return Object.entries(run.tags).filter(([tag]) => !tag.startsWith("mlflow."));
}

/**
 * What differs alone: a tag that another person added meanwhile stays.
 * @param {Run} run @param {Row[]} rows
 * @returns {Record<string, string | null>} null deletes
 */
function tagChanges(run, rows) {
  const wanted = new Map(rows.map((row) => [row.name, row.value]));
  const gone = ownTags(run).filter(([tag]) => !wanted.has(tag)).map(([tag]) => [tag, null]);
  const changed = [...wanted].filter(([tag, value]) => run.tags[tag] !== value);
  return Object.fromEntries([...gone, ...changed]);
}
