// What people write about a run, in markdown.
import { html, useState } from "preact";
import { call, get, segment } from "./api.js";
import { perKey } from "./data.js";
import { Markdown } from "./markdown_view.js";
import { Empty, Failure } from "./ui.js";

const MAX_LENGTH = 8000;

/**
 * What is written and not saved yet, by run: it is there again when somebody comes back to it.
 * @typedef {{ text: string, base: string }} Draft `base` is what was there when it was begun
 */
const drafts = perKey(() => /** @type {Map<string, Draft>} */ (new Map()));

addEventListener("beforeunload", (event) => {
  if ([...drafts().values()].some((draft) => draft.text !== draft.base)) {
    event.preventDefault();
  }
});

/** @param {{ run: Run, reload: () => void }} props */
export function RunNotes({ run, reload }) {
  const [draft, setDraft] = useState(/** @type {Draft | null} */ (drafts().get(run.run_id) ?? null));
  const [theirs, setTheirs] = useState(/** @type {string | null} */ (null));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const kept = run.description ?? "";
  const change = (/** @type {Draft | null} */ next) => {
    if (next === null) {
      drafts().delete(run.run_id);
      setTheirs(null);
      setError(null);
    } else {
      drafts().set(run.run_id, next);
    }
    setDraft(next);
  };
  const save = async (/** @type {Draft} */ { text, base }) => {
    const path = `api/v1/experiments/runs/${segment(run.run_id)}`;
    setBusy(true);
    setError(null);
    try {
      const now = (await get(path)).description ?? "";
      if (now === base || now === text) {
        await call("PATCH", path, { body: { description: text.trim() === "" ? null : text } });
        change(null);
        reload();
      } else {
        setTheirs(now);
      }
    } catch (refused) {
      setError(/** @type {Error} */ (refused));
    }
    setBusy(false);
  };
  if (draft === null) {
    const begin = () => change({ text: kept, base: kept });
    const isArchived = run.lifecycle_stage === "deleted";
    return kept
      ? html`
          <div class="toolbar">
            ${!isArchived && html`<button type="button" onClick=${begin}>Edit the notes</button>`}
          </div>
          <${Markdown} text=${kept} />
        `
      : html`<${Empty} title="No notes yet">
          <p>What was tried, what came of it, what is next: in markdown.</p>
          ${!isArchived && html`<button type="button" class="primary" onClick=${begin}>Write notes</button>`}
        </${Empty}>`;
  }
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    void save(draft);
  };
  return html`<form class="run-notes" onSubmit=${submit}>
    <div>
      <label for="run-notes">Notes, in markdown</label>
      <textarea id="run-notes" rows="18" maxlength=${MAX_LENGTH} value=${draft.text}
        onInput=${(/** @type {any} */ event) => change({ ...draft, text: event.target.value })}></textarea>
      <p class="faint">${(MAX_LENGTH - draft.text.length).toLocaleString("en")} characters left</p>
      ${error !== null && html`<${Failure} error=${error} />`}
      ${theirs !== null && html`<${Conflict} theirs=${theirs} isBusy=${isBusy}
        keep=${() => {
          const next = { ...draft, base: theirs };
          setTheirs(null);
          change(next);
          void save(next);
        }}
        take=${() => {
          change(null);
          reload();
        }} />`}
      <button type="submit" class="primary" disabled=${isBusy}>Save</button>
      <button type="button" class="quiet" onClick=${() => change(null)}>Cancel</button>
    </div>
    <section aria-label="How it will look">
      <p class="faint">How it will look</p>
      <${Markdown} text=${draft.text} />
    </section>
  </form>`;
}

/** @param {{ theirs: string, isBusy: boolean, keep: () => void, take: () => void }} props */
function Conflict({ theirs, isBusy, keep, take }) {
  return html`<div class="notice" role="alert">
    <p>The notes were changed since you began${theirs === "" ? ": they were removed." : ". They are now:"}</p>
    ${theirs !== "" && html`<pre class="preview-text">${theirs}</pre>`}
    <div class="toolbar">
      <button type="button" disabled=${isBusy} onClick=${keep}>Save mine in their place</button>
      <button type="button" onClick=${take}>Keep those and drop mine</button>
    </div>
  </div>`;
}
