// What can be done with the runs that are selected.
import { html, useState } from "preact";
import { call, segment } from "./api.js";
import { Confirm } from "./edit.js";
import { counted } from "./format.js";
import { href } from "./router.js";

const AT_ONCE = 4;
const MOST_COMPARED = 10;
const MOST_DRAWN = 100;

/**
 * @param {{ experiment: Experiment, ids: string[], isArchived: boolean,
 *   clear: () => void, moved: (ids: string[]) => void }} props
 *   `moved` is told which were archived or restored
 */
export function SelectionActions({ experiment, ids, isArchived, clear, moved }) {
  const [isAsked, setAsked] = useState(false);
  const canCompare = ids.length >= 2 && ids.length <= MOST_COMPARED;
  const canDraw = ids.length <= MOST_DRAWN;
  const word = isArchived ? "Restore" : "Archive";
  const work = async (/** @type {(progress: string) => void} */ tell) => {
    let count = 0;
    const { done, problem } = await each(ids, async (id) => {
      await changed(id, isArchived);
      count += 1;
      tell(`${count.toLocaleString("en")} of ${counted(ids.length, "run")} …`);
    });
    moved(done);
    if (problem !== null) {
      throw problem;
    }
  };
  return html`
    <span class="selection">
      <strong>${ids.length.toLocaleString("en")} selected</strong>
      <${LinkIf}
        isOn=${canCompare}
        address=${href(["compare"], { runs: ids.join(",") })}
        label="Compare"
        otherwise=${`Select 2 to ${MOST_COMPARED} runs to compare them`}
      />
      <${LinkIf}
        isOn=${canDraw}
        address=${href(["experiments", experiment.slug, "charts"], { runs: ids.join(",") })}
        label="Charts"
        otherwise=${`Select at most ${MOST_DRAWN} runs to draw them`}
      />
      <button type="button" onClick=${() => setAsked(true)}>${word} …</button>
      <button type="button" class="quiet" onClick=${clear}>Clear</button>
    </span>
    ${isAsked &&
    html`<${Confirm} title=${`${word} ${counted(ids.length, "run")}?`} word=${word} work=${work} close=${() => setAsked(false)}>
      ${isArchived
        ? "They are in the list of runs again."
        : "They leave the list and take no more logs. Nothing of them is lost: they are under “Archived” and can be restored there."}
    </${Confirm}>`}
  `;
}

/** @param {{ isOn: boolean, address: string, label: string, otherwise: string }} props */
function LinkIf({ isOn, address, label, otherwise }) {
  return isOn
    ? html`<a class="button" href=${address}>${label}</a>`
    : html`<button type="button" disabled title=${otherwise}>${label}</button>`;
}

/** @param {string} id @param {boolean} isArchived */
function changed(id, isArchived) {
  const path = `api/v1/experiments/runs/${segment(id)}`;
  return isArchived ? call("POST", `${path}/restore`) : call("DELETE", path);
}

/**
 * The work for each id, a few at once; after a problem no other is begun.
 * @param {string[]} ids
 * @param {(id: string) => Promise<unknown>} work
 */
async function each(ids, work) {
  /** @type {string[]} */
  const done = [];
  const problems = /** @type {Error[]} */ ([]);
  const left = [...ids];
  const one = async () => {
    for (let id = left.shift(); id !== undefined && problems.length === 0; id = left.shift()) {
      try {
        await work(id);
        done.push(id);
      } catch (error) {
        problems.push(/** @type {Error} */ (error));
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return { done, problem: problems[0] ?? null };
}
