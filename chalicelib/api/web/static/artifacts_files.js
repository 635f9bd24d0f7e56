// The files of a directory, folder by folder, as its manifest lists them.
import { html, useState } from "preact";
import { located } from "./api.js";
import { level } from "./artifacts_asked.js";
import { Download } from "./download.js";
import { useData } from "./data.js";
import { bytes, counted } from "./format.js";
import { Preview } from "./preview.js";
import { href } from "./router.js";
import { Await } from "./ui.js";

const MOST = 500;

/** @typedef {{ path: string, size_bytes: number, sha256: string }[]} Manifest */

/** @param {{ artifact: Artifact, path: string, place: import("./router.js").Place }} props */
export function ArtifactFiles({ artifact, path, place }) {
  const loaded = useData((signal) => manifest(path, signal), [path]);
  const file = place.query.get("file");
  const folder = place.query.get("folder") ?? "";
  return html`
    <${Await} loaded=${loaded} what="files">
      ${(/** @type {Manifest} */ files) => {
        const found = files.find((one) => one.path === file);
        return html`
          <p class="artifact-path">
            <a href=${href(place.path)}>${artifact.name ?? "All files"}</a>
            ${steps(found === undefined ? folder : found.path.split("/").slice(0, -1).join("/")).map(
              (step) => html`<span key=${step.path}> / <a href=${href(place.path, { folder: step.path })}><bdi>${step.name}</bdi></a></span>`,
            )}
            ${found !== undefined && html` / <bdi>${found.path.split("/").at(-1)}</bdi>`}
          </p>
          ${found !== undefined
            ? html`<${Preview} key=${found.path} name=${found.path} size=${found.size_bytes}
                url_of=${(/** @type {AbortSignal | undefined} */ signal) => located(`${path}/content`, { path: found.path }, signal)} />
                <p><${Download} name=${found.path} url_of=${() => located(`${path}/content`, { path: found.path })} /></p>`
            : html`
                ${file !== null && html`<p class="notice">There is no file <bdi>${file}</bdi> here.</p>`}
                <${Level} key=${folder} files=${files} folder=${folder} path=${path} place=${place} />
              `}
        `;
      }}
    </${Await}>
  `;
}

/** @param {string} path @param {AbortSignal} signal @returns {Promise<Manifest>} */
async function manifest(path, signal) {
  // without a path, the bytes of a directory are its manifest
  const answer = await fetch(await located(`${path}/content`, {}, signal), { signal, credentials: "omit" });
  if (!answer.ok) {
    throw new Error(`the list of files cannot be read: status ${answer.status}`);
  }
  return answer.json();
}

/** @param {string} folder */
function steps(folder) {
  const names = folder.split("/").filter(Boolean);
  return names.map((name, index) => ({ name, path: names.slice(0, index + 1).join("/") }));
}

/** @param {{ files: Manifest, folder: string, path: string, place: import("./router.js").Place }} props */
function Level({ files, folder, path, place }) {
  const found = level(files, folder);
  const [most, setMost] = useState(MOST);
  const folders = found.folders.slice(0, most);
  const shown = found.files.slice(0, most);
  const isMore = Math.max(found.folders.length, found.files.length) > most;
  return html`
    <div class="scroll">
      <table class="whole">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col" class="number">Size</th>
            <th scope="col"><span class="hidden-label">Download</span></th>
          </tr>
        </thead>
        <tbody>
          ${folders.map(
            (one) => html`<tr key=${one.path}>
              <td class="long"><a href=${href(place.path, { folder: one.path })}>${one.name}/</a></td>
              <td class="number">${bytes(one.size)}</td>
              <td class="faint">${counted(one.files, "file")}</td>
            </tr>`,
          )}
          ${shown.map(
            (one) => html`<tr key=${one.path}>
              <td class="long"><a href=${href(place.path, { file: one.path })}>${one.path.split("/").at(-1)}</a></td>
              <td class="number">${bytes(one.size_bytes)}</td>
              <td><${Download} name=${one.path} isInRow url_of=${() => located(`${path}/content`, { path: one.path })} /></td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${found.folders.length + found.files.length === 0 && html`<p>There is nothing at <bdi>${folder}</bdi>.</p>`}
    ${isMore &&
    html`<p class="faint">
      The first ${counted(shown.length, "file")} of ${found.files.length.toLocaleString("en")} here.
      <button type="button" onClick=${() => setMost(2 * most)}>Show more</button>
    </p>`}
  `;
}
