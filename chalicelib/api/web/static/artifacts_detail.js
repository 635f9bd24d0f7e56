// One artifact: what it is, what is in it, and what may be done with it.
import { html, useState } from "preact";
import { call, get, located, segment } from "./api.js";
import { Download } from "./download.js";
import { ArtifactFiles } from "./artifacts_files.js";
import { short } from "./artifacts_list.js";
import { useData } from "./data.js";
import { bytes, counted, number, plain, time } from "./format.js";
import { Preview } from "./preview.js";
import { AskedButton } from "./asked_button.js";
import { go, href } from "./router.js";
import { Await, Copy, Crumbs, Failure, When, useTitle } from "./ui.js";

/** Ids of elsewhere, that an artifact may name. @type {[keyof Artifact, string][]} */
const BELONGS = [
  ["graph_id", "Graph"], ["node_id", "Node"], ["org_id", "Organization"], ["user_id", "User"],
  ["client_id", "Client"], ["app_id", "App"], ["session_id", "Session"],
];

/** @param {{ id: string, place: import("./router.js").Place }} props */
export function ArtifactDetail({ id, place }) {
  const path = `api/v1/artifacts/${segment(id)}`;
  const loaded = useData((signal) => get(path, {}, signal), [path]);
  const name = loaded.data?.name ?? short(id);
  useTitle(name);
  return html`
    <${Crumbs} steps=${[{ label: "Artifacts", address: href(["artifacts"]) }, { label: name }]} />
    <${Await} loaded=${loaded} what="the artifact">
      ${(/** @type {Artifact} */ artifact) => html`<${Shown} artifact=${artifact} path=${path} place=${place} reload=${loaded.reload} />`}
    </${Await}>
  `;
}

/** @param {{ artifact: Artifact, path: string, place: import("./router.js").Place, reload: () => void }} props */
function Shown({ artifact, path, place, reload }) {
  const name = artifact.name ?? artifact.artifact_id;
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const attempt = (/** @type {() => Promise<unknown>} */ act) => async () => {
    try {
      await act();
      setError(null);
    } catch (refused) {
      setError(/** @type {Error} */ (refused));
    }
  };
  const pin = attempt(async () => {
    await call("PUT", `${path}/pin`, { body: { pinned: !artifact.pinned } });
    reload();
  });
  const remove = async () => {
    await call("DELETE", path);
    go(href(["artifacts"]), { replace: true });
  };
  return html`
    <h1>${name}</h1>
    ${artifact.description && html`<p class="artifact-about">${artifact.description}</p>`}
    <div class="toolbar">
      ${!artifact.is_dir && html`<${Download} name=${name} isPrimary url_of=${() => located(`${path}/content`)} />`}
      <button type="button" onClick=${pin} title="What is pinned is not removed by age">${artifact.pinned ? "Unpin" : "Pin"}</button>
      <${Copy} text=${artifact.uri} label="Copy its address" />
      <${AskedButton} label="Delete" title=${`Delete ${plain(name)}?`} verb="Delete" act=${remove}>
        <p>This cannot be undone.${artifact.pinned ? " It is pinned; deleting it is possible all the same." : ""}</p>
      </${AskedButton}>
    </div>
    ${error !== null && html`<${Failure} error=${error} />`}
    <div class="artifact-parts">
      <section>
        <h2>${artifact.is_dir ? "Files" : "Preview"}</h2>
        ${artifact.is_dir
          ? html`<${ArtifactFiles} artifact=${artifact} path=${path} place=${place} />`
          : html`<${Preview} key=${artifact.artifact_id} url_of=${(/** @type {AbortSignal | undefined} */ signal) => located(`${path}/content`, {}, signal)}
              preview_of=${(/** @type {AbortSignal} */ signal) => located(`${path}/preview`, {}, signal)} name=${name} mime=${artifact.mime} size=${artifact.bytes} />`}
      </section>
      <section>
        <h2>Facts</h2>
        <${Facts} artifact=${artifact} />
      </section>
    </div>
  `;
}

/** @param {{ artifact: Artifact }} props */
function Facts({ artifact }) {
  const found = (/** @type {string} */ name, /** @type {string} */ value) => href(["artifacts"], { [name]: value });
  const fact = (/** @type {string} */ label, /** @type {unknown} */ value) =>
    value === null || value === undefined || value === "" ? "" : html`<dt>${label}</dt><dd>${value}</dd>`;
  return html`
    <dl class="facts">
      ${fact("Kind", html`<a href=${found("kind", artifact.kind)}>${artifact.kind}</a>`)}
      ${fact("Run", artifact.run_id && html`<a href=${href(["runs", artifact.run_id])} class="mono">${artifact.run_id}</a>`)}
      ${fact("Experiment", artifact.experiment_id && html`<a href=${href(["experiments", artifact.experiment_id])} class="mono">${artifact.experiment_id}</a>`)}
      ${artifact.tags.length > 0 && fact("Tags", artifact.tags.map((tag) => html`<a key=${tag} class="tag" href=${found("tag", tag)}>${tag}</a>`))}
      ${fact("Created", html`<${When} at=${artifact.created_at} /> <span class="faint">${time(artifact.created_at)}</span>`)}
      ${fact("Size", html`${bytes(artifact.bytes)}${artifact.is_dir ? `, ${counted(artifact.file_count ?? 0, "file")}` : ""}`)}
      ${fact("Type", artifact.mime)}
      ${fact("Made by", artifact.tool_name && `${artifact.tool_name} ${artifact.tool_version ?? ""}`)}
      ${BELONGS.map(([key, label]) => fact(label, /** @type {any} */ (artifact)[key]))}
      ${fact("Pinned", artifact.pinned ? "yes: it is not removed by age" : "no")}
      ${fact("Checked", artifact.verified ? "yes: its bytes are what was claimed" : "not yet")}
      ${fact("SHA-256", html`<span class="mono">${artifact.sha256}</span>`)}
      ${fact("Id", html`<span class="mono">${artifact.artifact_id}</span>`)}
      ${fact("Address", html`<span class="mono">${artifact.uri}</span>`)}
    </dl>
    <${Pairs} title="Metrics" pairs=${Object.entries(artifact.metrics).map(([name, value]) => [name, number(value)])} />
    <${Pairs} title="Labels" pairs=${Object.entries(artifact.labels).map(([name, value]) => {
      const text = typeof value === "string" ? value : JSON.stringify(value);
      return [name, html`<a href=${found("label", `${name}=${text}`)}>${text}</a>`];
    })} />
  `;
}

/** @param {{ title: string, pairs: [string, unknown][] }} props */
function Pairs({ title, pairs }) {
  return pairs.length === 0
    ? ""
    : html`
        <h3>${title}</h3>
        <dl class="facts">${pairs.map(([name, value]) => html`<dt key=${name}>${name}</dt><dd>${value}</dd>`)}</dl>
      `;
}
