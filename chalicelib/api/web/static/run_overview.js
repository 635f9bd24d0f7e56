// Params, tags and metrics of a run, where it came from and what belongs to it.
import { html, useState } from "preact";
import { get, post, segment } from "./api.js";
import { byName } from "./chart_settings.js";
import { useData } from "./data.js";
import { number, time } from "./format.js";
import { href } from "./router.js";
import { Copy, Failure, Status, When, useFirst } from "./ui.js";

const CHILDREN = 100;
const FEW = 12;
/** What programs note of themselves, by the tags that they use for it. */
const ORIGIN = {
  "mlflow.source.name": "Program",
  "mlflow.source.type": "Kind of program",
  "mlflow.source.git.commit": "Commit",
  "mlflow.source.git.branch": "Branch",
  "mlflow.source.git.repoURL": "Repository",
  "mlflow.project.entryPoint": "Entry point",
  "mlflow.docker.image.name": "Image",
  "mlflow.user": "User",
};
/** Their fields are shown by name. */
const AS_FIELDS = new Set(["mlflow.runName", "mlflow.note.content", "mlflow.parentRunId"]);

/** @param {{ run: Run }} props */
export function RunOverview({ run }) {
  const own = Object.entries(run.tags).filter(([name]) => !name.startsWith("mlflow."));
  const rest = Object.entries(run.tags).filter(
    ([name]) => name.startsWith("mlflow.") && !(name in ORIGIN) && !AS_FIELDS.has(name),
  );
  return html`
    <${Relatives} run=${run} />
    <div class="run-columns">
      <${Values} title="Params" entries=${Object.entries(run.params)} code='run.log_params({"lr": 0.01})' />
      <${Metrics} run=${run} />
      <${Values} title="Tags" entries=${own} code='run.set_tags({"team": "vision"})' />
      <section>
        <h2>About this run</h2>
        <dl class="facts">
          <dt>Began</dt><dd>${time(run.start_time)}</dd>
          <dt>Ended</dt><dd>${time(run.end_time)}</dd>
          <dt>Logged by</dt><dd>${run.created_by}</dd>
          ${Object.entries(ORIGIN).map(
            ([tag, label]) => run.tags[tag] !== undefined && html`<dt>${label}</dt><dd>${run.tags[tag]}</dd>`,
          )}
          <dt>Files at</dt><dd class="mono">${run.artifact_uri}</dd>
        </dl>
        ${rest.length > 0 &&
        html`<details>
          <summary>${rest.length} tags of programs</summary>
          <${Pairs} entries=${rest} />
        </details>`}
      </section>
    </div>
  `;
}

/** @param {{ title: string, entries: [string, string][], code: string }} props */
function Values({ title, entries, code }) {
  const [words, setWords] = useState("");
  const found = entries
    .filter((pair) => pair.some((text) => text.toLowerCase().includes(words.toLowerCase())))
    .sort(([a], [b]) => byName(a, b));
  return html`<section>
    <h2>${title} <span class="faint">${entries.length || ""}</span></h2>
    ${entries.length > FEW && html`<${Find} what=${title} words=${words} setWords=${setWords} />`}
    ${entries.length === 0
      ? html`<p class="faint">None. In Python: <code>${code}</code></p>`
      : html`<${Pairs} entries=${found} />`}
  </section>`;
}

/** @param {{ entries: [string, string][] }} props */
function Pairs({ entries }) {
  const { shown, more } = useFirst(entries);
  return html`<div class="scroll run-pairs" tabindex="0">
    <table class="whole">
      <tbody>
        ${shown.map(
          ([name, value]) => html`<tr key=${name}>
            <th scope="row">${name}</th>
            <td class="long mono">${value === "" ? html`<span class="faint">(empty)</span>` : value}</td>
            <td class="number"><${Copy} text=${value} label="Copy" /></td>
          </tr>`,
        )}
      </tbody>
    </table>
    ${more}
  </div>`;
}

/** @param {{ run: Run }} props */
function Metrics({ run }) {
  const [words, setWords] = useState("");
  const all = Object.entries(run.metric_summary).sort(([a], [b]) => byName(a, b));
  const found = all.filter(([name]) => name.toLowerCase().includes(words.toLowerCase()));
  const { shown, more } = useFirst(found);
  return html`<section>
    <h2>Metrics <span class="faint">${all.length || ""}</span></h2>
    ${all.length > FEW && html`<${Find} what="Metrics" words=${words} setWords=${setWords} />`}
    ${all.length === 0
      ? html`<p class="faint">None. In Python: <code>run.log({"loss": 0.25}, step=1)</code></p>`
      : html`<div class="scroll run-pairs" tabindex="0">
          <table class="whole">
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col" class="number">Last</th>
                <th scope="col" class="number">Min</th>
                <th scope="col" class="number">Max</th>
                <th scope="col" class="number">At step</th>
                <th scope="col" class="number">Points</th>
              </tr>
            </thead>
            <tbody>
              ${shown.map(
                ([name, summary]) => html`<tr key=${name}>
                  <th scope="row"><a href=${href(["runs", run.run_id, "charts"], { metrics: name })}>${name}</a></th>
                  <td class="number" title=${String(summary.last)}>${number(summary.last)}</td>
                  <td class="number" title=${String(summary.min)}>${number(summary.min)}</td>
                  <td class="number" title=${String(summary.max)}>${number(summary.max)}</td>
                  <td class="number">${number(summary.step)}</td>
                  <td class="number">${number(summary.count)}</td>
                </tr>`,
              )}
            </tbody>
          </table>
          ${more}
        </div>`}
  </section>`;
}

/** @param {{ what: string, words: string, setWords: (text: string) => void }} props */
function Find({ what, words, setWords }) {
  const id = `find-${what}`;
  return html`<label class="hidden-label" for=${id}>Find among the ${what.toLowerCase()}</label>
    <input id=${id} type="search" placeholder=${`Find among the ${what.toLowerCase()}`} value=${words}
      onInput=${(/** @type {any} */ event) => setWords(event.target.value)} />`;
}

/** The run that this one is part of, and those that are part of it. @param {{ run: Run }} props */
function Relatives({ run }) {
  const parent = useData(
    async (signal) =>
      run.parent_run_id === null
        ? null
        : get(`api/v1/experiments/runs/${segment(run.parent_run_id)}`, {}, signal),
    [run.parent_run_id],
  );
  const children = useData(
    (signal) =>
      post(
        "api/v1/experiments/runs/search",
        {
          experiment_ids: [run.experiment_id],
          filter: `tags.\`mlflow.parentRunId\` = '${run.run_id}'`,
          order_by: ["attributes.start_time ASC"],
          limit: CHILDREN,
        },
        signal,
      ),
    [run.run_id],
  );
  /** @type {Runs | undefined} */
  const found = children.data;
  return html`
    ${run.parent_run_id !== null &&
    html`<p>
      Part of <a href=${href(["runs", run.parent_run_id])}><bdi>${parent.data?.name ?? run.parent_run_id}</bdi></a>
    </p>`}
    ${children.error !== null && html`<${Failure} error=${children.error} retry=${children.reload} />`}
    ${found !== undefined &&
    found.runs.length > 0 &&
    html`<section class="run-children">
      <h2>Runs within <span class="faint">${found.runs.length}${found.next_cursor && " of more"}</span></h2>
      <div class="scroll run-pairs">
        <table class="whole">
          <thead>
            <tr><th scope="col">Name</th><th scope="col">Status</th><th scope="col">Began</th></tr>
          </thead>
          <tbody>
            ${found.runs.map(
              (child) => html`<tr key=${child.run_id}>
                <td><a href=${href(["runs", child.run_id])}>${child.name}</a></td>
                <td><${Status} status=${child.status} /></td>
                <td><${When} at=${child.start_time} /></td>
              </tr>`,
            )}
          </tbody>
        </table>
      </div>
      <p>
        <a href=${href(["experiments", run.experiment_id, "charts"], { runs: found.runs.map((one) => one.run_id).join(",") })}>Their charts</a>
      </p>
    </section>`}
  `;
}
