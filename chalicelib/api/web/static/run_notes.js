// What people write about a run, in markdown.
import { html, useState } from "preact";
import { call, segment } from "./api.js";
import { Markdown } from "./markdown_view.js";
import { Empty, Failure } from "./ui.js";

const MAX_LENGTH = 8000;

/** @param {{ run: Run, reload: () => void }} props */
export function RunNotes({ run, reload }) {
  const [text, setText] = useState(/** @type {string | null} */ (null));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const isArchived = run.lifecycle_stage === "deleted";
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const body = { description: text?.trim() === "" ? null : text };
      await call("PATCH", `api/v1/experiments/runs/${segment(run.run_id)}`, { body });
      setError(null);
      setText(null);
      reload();
    } catch (refused) {
      setError(/** @type {Error} */ (refused));
    }
    setBusy(false);
  };
  if (text === null) {
    return run.description
      ? html`
          <div class="toolbar">
            ${!isArchived && html`<button type="button" onClick=${() => setText(run.description)}>Edit the notes</button>`}
          </div>
          <${Markdown} text=${run.description} />
        `
      : html`<${Empty} title="No notes yet">
          <p>What was tried, what came of it, what is next: in markdown.</p>
          ${!isArchived && html`<button type="button" class="primary" onClick=${() => setText("")}>Write notes</button>`}
        </${Empty}>`;
  }
  return html`<form class="run-notes" onSubmit=${submit}>
    <div>
      <label for="run-notes">Notes, in markdown</label>
      <textarea id="run-notes" rows="18" maxlength=${MAX_LENGTH} value=${text}
        onInput=${(/** @type {any} */ event) => setText(event.target.value)}></textarea>
      <p class="faint">${(MAX_LENGTH - text.length).toLocaleString("en")} characters left</p>
      ${error !== null && html`<${Failure} error=${error} />`}
      <button type="submit" class="primary" disabled=${isBusy}>Save</button>
      <button type="button" class="quiet" onClick=${() => setText(null)}>Cancel</button>
    </div>
    <section aria-label="How it will look">
      <p class="faint">How it will look</p>
      <${Markdown} text=${text} />
    </section>
  </form>`;
}
