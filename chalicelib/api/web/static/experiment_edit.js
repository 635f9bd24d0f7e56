// What can be changed of an experiment.
import { html, useState } from "preact";
import { call, segment } from "./api.js";
import { Confirm, EditDialog, useWork } from "./edit.js";
import { Failure } from "./ui.js";

/** @param {{ experiment: Experiment, changed: () => void }} props */
export function ExperimentActions({ experiment, changed }) {
  const [open, setOpen] = useState(/** @type {"edit" | "archive" | null} */ (null));
  const path = `api/v1/experiments/${segment(experiment.id)}`;
  const close = () => setOpen(null);
  const { isBusy, error, work } = useWork(changed);
  return html`
    <div class="toolbar">
      ${experiment.lifecycle_stage === "deleted"
        ? html`<button type="button" disabled=${isBusy} onClick=${() => work(() => call("POST", `${path}/restore`))}>Restore</button>`
        : html`<button type="button" onClick=${() => setOpen("edit")}>Edit …</button>
            <button type="button" class="quiet" onClick=${() => setOpen("archive")}>Archive …</button>`}
    </div>
    ${error !== null && html`<${Failure} error=${error} />`}
    ${open === "edit" &&
    html`<${EditDialog} title="Edit the experiment" path=${path} given=${experiment} close=${close} changed=${changed} />`}
    ${open === "archive" &&
    html`<${Confirm} title="Archive the experiment?" word="Archive" close=${close} work=${() => call("DELETE", path).then(changed)}>
      It leaves the list and takes nothing new. Nothing of it is lost: it is under “Archived” and can be restored here.
    </${Confirm}>`}
  `;
}
