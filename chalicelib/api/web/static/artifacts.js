// Artifacts of all runs: found by what they are about, belong to or have measured.
import { html, useState } from "preact";
import { get, post } from "./api.js";
import { isNarrowed, isSearch, listQuery, searchBody, wanted } from "./artifacts_asked.js";
import { ArtifactDetail } from "./artifacts_detail.js";
import { ArtifactFilters } from "./artifacts_filters.js";
import { ArtifactList } from "./artifacts_list.js";
import { useData } from "./data.js";
import { counted } from "./format.js";
import { href } from "./router.js";
import { Await, Empty, Failure, useTitle } from "./ui.js";

const PATH = "api/v1/artifacts";
const MOST_EMPTY_PAGES = 20;
const BEGIN = `import trialbook

with trialbook.Client() as tb, tb.start_run("First steps") as run:
    artifacts = tb.context(run_id=run.id).artifacts()
    artifacts.save_file("model.bin", kind="model", tags=["candidate"],
                        metrics={"accuracy": 0.93}, description="What it is about")`;

/** @typedef {{ hits: { artifact: Artifact, score: number | null, why: ArtifactHit["why"] | null }[], cursor: string | null }} Page */

/** @param {{ place: import("./router.js").Place }} props */
export function ArtifactsView({ place }) {
  const id = place.path[1];
  return id === undefined
    ? html`<${Search} place=${place} />`
    : html`<${ArtifactDetail} id=${id} place=${place} />`;
}

/** @param {{ place: import("./router.js").Place }} props */
function Search({ place }) {
  useTitle("Artifacts");
  const asked = wanted(place.query);
  const key = JSON.stringify(asked);
  const loaded = useData((signal) => page(asked, null, signal), [key]);
  const kinds = [...new Set((loaded.data?.hits ?? []).map((hit) => hit.artifact.kind))];
  return html`
    <h1>Artifacts</h1>
    <${ArtifactFilters} asked=${asked} place=${place} kinds=${kinds} />
    <${Await} loaded=${loaded} what="artifacts">
      ${(/** @type {Page} */ first) => html`<${Pages} key=${key} first=${first} asked=${asked} />`}
    </${Await}>
  `;
}

/**
 * A page of a list may be empty and have another after it: asked on until something is found.
 * @param {import("./artifacts_asked.js").Wanted} asked
 * @param {string | null} cursor
 * @param {AbortSignal} [signal]
 * @returns {Promise<Page>}
 */
async function page(asked, cursor, signal) {
  if (isSearch(asked)) {
    const found = await post(`${PATH}/search`, searchBody(asked), signal);
    return { hits: found.hits, cursor: null };
  }
  let at = cursor;
  for (let round = 0; ; round += 1) {
    /** @type {{ artifacts: Artifact[], next_cursor: string | null }} */
    const found = await get(PATH, listQuery(asked, at), signal);
    if (found.artifacts.length > 0 || found.next_cursor === null || round === MOST_EMPTY_PAGES) {
      const hits = found.artifacts.map((artifact) => ({ artifact, score: null, why: null }));
      return { hits, cursor: found.next_cursor };
    }
    at = found.next_cursor;
  }
}

/** @param {{ first: Page, asked: import("./artifacts_asked.js").Wanted }} props */
function Pages({ first, asked }) {
  const [more, setMore] = useState(/** @type {Page[]} */ ([]));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const cursor = (more.at(-1) ?? first).cursor;
  const hits = [first, ...more].flatMap((one) => one.hits);
  if (hits.length === 0 && cursor === null) {
    return isNarrowed(asked)
      ? html`<p>No artifact fits. <a href=${href(["artifacts"])}>Show all</a></p>`
      : html`<${Empty} title="No artifacts yet" code=${BEGIN}>
          <p>Files of runs are in the runs. What is to be found again by what it is about is indexed here. In Python:</p>
        </${Empty}>`;
  }
  const load = async () => {
    setBusy(true);
    try {
      const next = await page(asked, cursor);
      setMore((old) => [...old, next]);
      setError(null);
    } catch (refused) {
      setError(/** @type {Error} */ (refused));
    }
    setBusy(false);
  };
  return html`
    <p class="faint" role="status">
      ${counted(hits.length, "artifact")}${cursor === null ? "" : " so far"}${isSearch(asked) ? (asked.query.trim() || asked.metric ? ", best first" : ", newest first") : ", newest first"}
    </p>
    <${ArtifactList} hits=${hits} />
    ${error !== null && html`<${Failure} error=${error} />`}
    ${cursor !== null && html`<button type="button" disabled=${isBusy} onClick=${load}>Show more</button>`}
  `;
}
