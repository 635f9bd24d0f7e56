// What people change: a name, a description and tags; and what they are asked before.
import { html, useState } from "preact";
import { call } from "./api.js";
import { tagChanges, tagLines } from "./tag_lines.js";
import { Dialog, Failure } from "./ui.js";

/**
 * @param {{ title: string, path: string, close: () => void, changed: () => void,
 *   given: { name: string, tags: Record<string, string>, description?: string | null } }} props
 *   `path` takes a PATCH of what differs; without a description in `given` none is asked for
 */
export function EditDialog({ title, path, close, changed, given }) {
  const [before] = useState(given);
  const [name, setName] = useState(before.name);
  const [description, setDescription] = useState(before.description ?? "");
  const [tags, setTags] = useState(() => tagLines(before.tags));
  const { isBusy, error, work } = useWork(() => {
    changed();
    close();
  });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const body = {
      ...(name !== before.name && { name }),
      ...(description !== (before.description ?? "") && { description: description || null }),
      tags: tagChanges(before.tags, tags),
    };
    void work(() => call("PATCH", path, { body }));
  };
  const typed = (/** @type {(text: string) => void} */ set) => (/** @type {any} */ event) => set(event.target.value);
  return html`<${Dialog} title=${title} close=${close}>
    <form class="edit" onSubmit=${submit}>
      <label for="edit-name">Name</label>
      <input id="edit-name" required maxlength="255" value=${name} onInput=${typed(setName)} />
      ${before.description !== undefined &&
      html`<label for="edit-description">Description</label>
        <textarea id="edit-description" rows="4" maxlength="1000" value=${description} onInput=${typed(setDescription)}></textarea>`}
      <label for="edit-tags">Tags, one a line, as <code>team: vision</code></label>
      <textarea id="edit-tags" rows="4" value=${tags} onInput=${typed(setTags)}></textarea>
      ${error !== null && html`<${Failure} error=${error} />`}
      <div class="toolbar">
        <button type="submit" class="primary" disabled=${isBusy}>Save</button>
        <button type="button" class="quiet" onClick=${close}>Cancel</button>
      </div>
    </form>
  </${Dialog}>`;
}

/**
 * Asks before something is done.
 * @param {{ title: string, word: string, close: () => void, children?: unknown,
 *   work: (tell: (progress: string) => void) => Promise<unknown> }} props
 */
export function Confirm({ title, word, close, children, work }) {
  const [progress, setProgress] = useState("");
  const { isBusy, error, work: start } = useWork(close);
  return html`<${Dialog} title=${title} close=${close}>
    <p>${children}</p>
    ${error !== null && html`<${Failure} error=${error} />`}
    <div class="toolbar">
      <button type="button" class="primary" disabled=${isBusy} onClick=${() => start(() => work(setProgress))}>
        ${(isBusy && progress) || word}
      </button>
      <button type="button" onClick=${close}>Cancel</button>
    </div>
  </${Dialog}>`;
}

/** Something that is being changed, or why it was not. @param {() => void} done */
export function useWork(done) {
  const [state, setState] = useState({ isBusy: false, error: /** @type {Error | null} */ (null) });
  const work = async (/** @type {() => Promise<unknown>} */ change) => {
    setState({ isBusy: true, error: null });
    try {
      await change();
      setState({ isBusy: false, error: null });
      done();
    } catch (error) {
      setState({ isBusy: false, error: /** @type {Error} */ (error) });
    }
  };
  return { ...state, work };
}
