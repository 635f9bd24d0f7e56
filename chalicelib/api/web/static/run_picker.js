// Choosing some runs of an experiment.
import { html, useState } from "preact";
import { get } from "./api.js";
import { useData, useSettled } from "./data.js";
import { counted } from "./format.js";
import { Await, Dialog, Status, When } from "./ui.js";

const SHOWN = 100;

/**
 * @param {{ experimentId: string, title: string, action: string, chosen: string[], max: number,
 *   done: (ids: string[]) => void, close: () => void, least?: number }} props ids in the order in which
 *   they were chosen
 */
export function RunPicker({ experimentId, title, action, chosen, max, done, close, least = 1 }) {
  const [ids, setIds] = useState(chosen);
  const [typed, setTyped] = useState("");
  const words = useSettled(typed).trim();
  const loaded = useData(
    (signal) =>
      get(
        "api/v1/experiments/runs",
        { experiment_id: experimentId, limit: SHOWN, filter: words && `run_name ILIKE '%${words.replaceAll("'", "''")}%'` },
        signal,
      ),
    [experimentId, words],
  );
  const toggle = (/** @type {string} */ id) =>
    setIds((old) => (old.includes(id) ? old.filter((one) => one !== id) : [...old, id]));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    done(ids);
  };
  return html`<${Dialog} title=${title} close=${close}>
    <form class="run-picker" onSubmit=${submit}>
      <label class="hidden-label" for="run-picker">Part of a run's name</label>
      <input id="run-picker" type="search" placeholder="Part of a run's name" value=${typed}
        onInput=${(/** @type {any} */ event) => setTyped(event.target.value)} />
      <${Await} loaded=${loaded} what="runs">
        ${(/** @type {Runs} */ page) => html`
          <ul>
            ${page.runs.map(
              (run) => html`<li key=${run.run_id}>
                <label>
                  <input type="checkbox" checked=${ids.includes(run.run_id)}
                    disabled=${!ids.includes(run.run_id) && ids.length >= max}
                    onChange=${() => toggle(run.run_id)} />
                  <bdi>${run.name}</bdi>
                  <${Status} status=${run.status} />
                  <span class="faint"><${When} at=${run.start_time} /></span>
                </label>
              </li>`,
            )}
          </ul>
          ${page.runs.length === 0 && html`<p>No run has this in its name.</p>`}
          ${page.next_cursor && html`<p class="faint">The ${SHOWN} newest; type to find others.</p>`}
        `}
      </${Await}>
      <footer>
        <span class="faint" role="status">${counted(ids.length, "run")} chosen${ids.length >= max ? `, and no more than ${max}` : ""}</span>
        <button type="button" class="quiet" onClick=${() => setIds([])} disabled=${ids.length === 0}>None</button>
        <button type="submit" class="primary" disabled=${ids.length < least}>${action}</button>
      </footer>
    </form>
  </${Dialog}>`;
}
