// Artifacts one below the other; what was searched has its score and why it was found.
import { html } from "preact";
import { whyText } from "./artifacts_asked.js";
import { bytes, counted, number } from "./format.js";
import { adjust, here, href } from "./router.js";
import { When } from "./ui.js";

const SHOWN_METRICS = 3;

/** @param {{ hits: { artifact: Artifact, score: number | null, why: ArtifactHit["why"] | null }[] }} props */
export function ArtifactList({ hits }) {
  const isRanked = hits.some((hit) => hit.why !== null && whyText(hit.why) !== "");
  return html`
    <div class="scroll">
      <table class="whole">
        <thead>
          <tr>
            <th scope="col">Name</th>
            ${isRanked && html`<th scope="col">Found by</th>`}
            <th scope="col">Kind</th>
            <th scope="col">Tags</th>
            <th scope="col">Metrics</th>
            <th scope="col" class="number">Size</th>
            <th scope="col">Run</th>
            <th scope="col">Created</th>
          </tr>
        </thead>
        <tbody>
          ${hits.map(({ artifact, score, why }) => html`<tr key=${artifact.artifact_id}>
            <td class="long artifact-name">
              <a href=${href(["artifacts", artifact.artifact_id])}><bdi>${artifact.name ?? artifact.artifact_id}</bdi></a>
              ${artifact.pinned && html`<span class="artifact-pin" title="Pinned"> 📌<span class="hidden-label">pinned</span></span>`}
              ${artifact.description && html`<div class="faint clamp">${artifact.description}</div>`}
            </td>
            ${isRanked &&
            html`<td class="artifact-why">
              ${why !== null && whyText(why)}
              ${score !== null && why?.value === undefined && html`<div class="faint">score ${number(score)}</div>`}
            </td>`}
            <td>
              <button type="button" class="tag" title="Only this kind" onClick=${() => adjust(here(), { kind: artifact.kind })}>${artifact.kind}</button>
            </td>
            <td>
              ${artifact.tags.map(
                (tag) => html`<button key=${tag} type="button" class="tag" title="Only with this tag"
                  onClick=${() => adjust(here(), { tag: [...new Set([...here().query.getAll("tag"), tag])] })}>${tag}</button>`,
              )}
            </td>
            <td class="artifact-metrics"><${Metrics} metrics=${artifact.metrics} /></td>
            <td class="number">
              ${bytes(artifact.bytes)}
              ${artifact.is_dir && html`<div class="faint">${counted(artifact.file_count ?? 0, "file")}</div>`}
            </td>
            <td class="nowrap">${artifact.run_id && html`<a href=${href(["runs", artifact.run_id])} class="mono" title=${artifact.run_id}>${short(artifact.run_id)}</a>`}</td>
            <td class="nowrap"><${When} at=${artifact.created_at} /></td>
          </tr>`)}
        </tbody>
      </table>
    </div>
  `;
}

/** @param {{ metrics: Artifact["metrics"] }} props */
function Metrics({ metrics }) {
  const all = Object.entries(metrics);
  return html`
    ${all.slice(0, SHOWN_METRICS).map(
      ([name, value]) => html`<span key=${name} class="artifact-metric"><bdi class="faint">${name}</bdi> ${number(value)}</span>`,
    )}
    ${all.length > SHOWN_METRICS && html`<span class="faint">and ${all.length - SHOWN_METRICS} more</span>`}
  `;
}

/** The end of an id tells more than its beginning, which is the time. @param {string} id */
export function short(id) {
  return id.length > 12 ? `…${id.slice(-8)}` : id;
}
