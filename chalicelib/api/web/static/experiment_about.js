// All facts of an experiment, and how to log into it.
import { html } from "preact";
import { ExperimentActions } from "./experiment_edit.js";
import { number, time } from "./format.js";
import { loggingCode } from "./results_begin.js";
import { HowToLog } from "./runs_begin.js";
import { Code, Copy, Status, Tags } from "./ui.js";

/** @param {{ experiment: Experiment, changed: () => void }} props */
export function ExperimentAbout({ experiment, changed }) {
  const goals = Object.entries(experiment.metric_goals);
  return html`
    <h2>Facts</h2>
    <${ExperimentActions} experiment=${experiment} changed=${changed} />
    <dl class="facts experiment-facts">
      <dt>Name</dt>
      <dd>${experiment.name}</dd>
      <dt>Slug</dt>
      <dd><code>${experiment.slug}</code> <${Copy} text=${experiment.slug} /></dd>
      <dt>Id</dt>
      <dd><code>${experiment.id}</code> <${Copy} text=${experiment.id} /></dd>
      <dt>Created</dt>
      <dd>${time(experiment.created_at)} by <bdi>${experiment.created_by}</bdi></dd>
      <dt>Changed</dt>
      <dd>${time(experiment.last_updated)}, version ${experiment.version}</dd>
      <dt>Tags</dt>
      <dd>${Object.keys(experiment.tags).length === 0 ? "none" : html`<${Tags} tags=${experiment.tags} />`}</dd>
      <dt>Better is</dt>
      <dd>
        ${goals.length === 0
          ? html`not said: a metric's best value is marked once its goal
              is, by <code>metric_goals</code> of the experiment`
          : html`<ul class="plain">
              ${goals.map(([key, goal]) => html`<li>${goal === "min" ? "less" : "more"} <code>${key}</code></li>`)}
            </ul>`}
      </dd>
    </dl>
    ${experiment.variants.length > 0 && html`<${Test} experiment=${experiment} />`}
    <h2>Log a run</h2>
    <${HowToLog} experiment=${experiment} />
  `;
}

/** @param {{ experiment: Experiment }} props */
function Test({ experiment }) {
  const guardrails = Object.entries(experiment.guardrails);
  return html`
    <h2>A/B test</h2>
    <dl class="facts experiment-facts">
      <dt>Status</dt>
      <dd><${Status} status=${experiment.status} /></dd>
      <dt>Started</dt>
      <dd>${experiment.started_at === null ? "not yet" : time(experiment.started_at)}</dd>
      <dt>A unit is</dt>
      <dd>${experiment.unit_key === null ? "one log, unless it names its unit" : html`a value of <code>${experiment.unit_key}</code> in the context`}</dd>
      <dt>Planned units</dt>
      <dd>${number(experiment.planned_units)}</dd>
      <dt>Guardrails</dt>
      <dd>
        ${guardrails.length === 0
          ? "none"
          : html`<ul class="plain">
              ${guardrails.map(
                ([key, rail]) => html`<li>
                  <code>${key}</code> not worse by more than
                  ${rail.kind === "relative" ? ` ${number(100 * rail.margin)} %` : ` ${number(rail.margin)}`}
                </li>`,
              )}
            </ul>`}
      </dd>
      <dt>Dimensions</dt>
      <dd>
        ${experiment.dimensions.length === 0
          ? "none"
          : experiment.dimensions.map((name) => html`<span class="tag">${name}</span>`)}
      </dd>
    </dl>
    <div class="scroll">
      <table>
        <caption class="hidden-label">Variants</caption>
        <thead>
          <tr>
            <th scope="col">Variant</th>
            <th scope="col">Name</th>
            <th scope="col" class="number">Weight</th>
            <th scope="col">Payload</th>
          </tr>
        </thead>
        <tbody>
          ${experiment.variants.map(
            (variant) => html`<tr key=${variant.key}>
              <th scope="row">${variant.key}</th>
              <td>${variant.name ?? "–"}</td>
              <td class="number">${number(variant.weight)} %</td>
              <td class="long"><code>${JSON.stringify(variant.payload)}</code></td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${experiment.weight_changes.length > 1 &&
    html`<h3>Weights over time</h3>
      <ul class="plain">
        ${experiment.weight_changes.map(
          (change) => html`<li>
            ${time(change.at)}: ${Object.entries(change.weights).map(([variant, weight]) => `${variant} ${number(weight)} %`).join(", ")}
          </li>`,
        )}
      </ul>`}
    <h2>Log what a variant did</h2>
    <${Code} text=${loggingCode(experiment).shell} />
  `;
}
