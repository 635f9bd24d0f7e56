// What an A/B experiment is and how far it is: status, weights, units of each variant, warnings.
import { html } from "preact";
import { call, segment } from "./api.js";
import { counted, number, percent } from "./format.js";
import { AskedButton } from "./asked_button.js";
import { shares } from "./results_conclusions.js";
import { dayOf } from "./results_days.js";
import { Status, When } from "./ui.js";

/** @type {Record<Experiment["status"], { to: Experiment["status"], label: string, told: string, isPrimary?: boolean }[]>} */
const STEPS = {
  draft: [{ to: "active", label: "Start", told: "Units are assigned and logs are taken from now on. The planned number of units and what names a unit are fixed then.", isPrimary: true }],
  active: [
    { to: "paused", label: "Pause", told: "Nobody is assigned a variant while it is paused. Logs are still taken, and it can be resumed." },
    { to: "completed", label: "Complete", told: "This cannot be undone. Nobody is assigned a variant any more; late logs are still taken." },
  ],
  paused: [
    { to: "active", label: "Resume", told: "Units are assigned again.", isPrimary: true },
    { to: "completed", label: "Complete", told: "This cannot be undone. Late logs are still taken." },
  ],
  completed: [],
};

/** @param {{ experiment: Experiment, changed: (experiment: Experiment) => void }} props */
export function ResultsHead({ experiment, changed }) {
  const move = (/** @type {Experiment["status"]} */ status) => async () =>
    changed(await call("PATCH", `api/v1/experiments/${segment(experiment.id)}`, { body: { status } }));
  return html`
    <div class="results-head">
      <p>
        <${Status} status=${experiment.status} />${" "}
        ${experiment.started_at !== null && html`since <${When} at=${experiment.started_at} />, `}
        ${experiment.status === "draft"
          ? "not started: nothing is assigned or logged yet, "
          : ""}planned for ${counted(experiment.planned_units, "unit")}.
        Weights: ${experiment.variants.map((one, at) => html`${at > 0 && ", "}<bdi>${one.key}</bdi> ${number(one.weight)} %`)}${experiment.weight_changes.length > 1 ? html`, last changed <${When} at=${experiment.weight_changes.at(-1)?.at} />` : ""}.
      </p>
      <div class="results-steps">
        ${STEPS[experiment.status].map(
          (step) => html`<${AskedButton}
            key=${step.to}
            label=${step.label}
            title=${`${step.label} this experiment?`}
            verb=${step.label}
            isPrimary=${step.isPrimary ?? false}
            act=${move(step.to)}
          ><p>${step.told}</p></${AskedButton}>`,
        )}
      </div>
    </div>
  `;
}

/** What to know before any number. @param {{ results: Results }} props */
export function Warnings({ results }) {
  const others = results.warnings.filter((one) => one.code !== "sample_ratio_mismatch");
  return html`
    ${results.srm.mismatch &&
    html`<div class="failure" role="alert">
      <p>
        <strong>Nothing can be concluded.</strong> The variants do not have as many units as their weights say,
        and not by chance. Something loses or misplaces units of one of them; until it is found, differences
        below may come from that alone.
      </p>
    </div>`}
    ${others.length > 0 &&
    html`<div class="notice">
      <ul class="results-warnings">
        ${others.map((one) => html`<li key=${one.message}><bdi>${one.message}</bdi></li>`)}
      </ul>
    </div>`}
  `;
}

/** @param {{ experiment: Experiment, results: Results }} props */
export function Exposures({ experiment, results }) {
  const rows = shares(results.exposures, experiment.variants);
  const total = rows.reduce((sum, one) => sum + one.units, 0);
  return html`
    <h2>Units</h2>
    <p class="faint told">
      ${counted(total, "unit")}, first seen within ${counted(results.days, "day")} (UTC), of ${results.planned_units.toLocaleString("en")} planned
      (${percent(total / results.planned_units, 0)}).
      ${experiment.weight_changes.length > 1 && " Weights have changed: the share of all days need not be that of the weights now."}
      ${results.from !== null && ` From ${dayOf(results.from)}.`}${results.to !== null && ` Until ${dayOf(results.to)}.`}
    </p>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Variant</th>
            <th scope="col" class="number">Units</th>
            <th scope="col" class="number">Logs</th>
            <th scope="col" class="number">Share</th>
            <th scope="col" class="number">Weight now</th>
            <th scope="col"><span class="hidden-label">Share drawn beside the weight now</span></th>
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (one, index) => html`<tr key=${one.key}>
              <th scope="row" class="long">
                <span class=${`variant-mark variant-${(index % 10) + 1}`} aria-hidden="true"></span><bdi>${one.key}</bdi>
                ${nameOf(experiment, one.key)}
                ${one.key === results.baseline && html`<span class="faint"> · baseline</span>`}
              </th>
              <td class="number">${one.units.toLocaleString("en")}</td>
              <td class="number">${one.logs.toLocaleString("en")}</td>
              <td class="number">${percent(one.share)}</td>
              <td class="number">${percent(one.planned)}</td>
              <td><${ShareBar} share=${one.share} planned=${one.planned} colour=${(index % 10) + 1} /></td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  `;
}

/** @param {Experiment} experiment @param {string} key */
function nameOf(experiment, key) {
  const name = experiment.variants.find((one) => one.key === key)?.name;
  return name ? html`<span class="faint"> <bdi>${name}</bdi></span>` : "";
}

/** @param {{ share: number | null, planned: number | null, colour: number }} props */
function ShareBar({ share, planned, colour }) {
  return html`<svg width="140" height="16" aria-hidden="true" class=${`svg-series svg-series-${colour}`}>
    <rect class="share-ground" x="0" y="4" width="140" height="8" />
    <rect class="share-bar" x="0" y="4" width=${140 * (share ?? 0)} height="8" />
    ${planned !== null && html`<line class="svg-zero" x1=${140 * planned} x2=${140 * planned} y1="0" y2="16" />`}
  </svg>`;
}
