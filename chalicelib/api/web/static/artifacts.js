// Artifacts of all runs: found by what they are about, belong to or have measured.
import { html } from "preact";
import { get, post } from "./api.js";
import { MOST_HITS, PAGE, countText, isNarrowed, isSearch, listQuery, searchBody, wanted } from "./artifacts_asked.js";
import { ArtifactDetail } from "./artifacts_detail.js";
import { ArtifactFilters } from "./artifacts_filters.js";
import { ArtifactList } from "./artifacts_list.js";
import { usePages } from "./data.js";
import { href } from "./router.js";
import { Await, Empty, Failure, useTitle } from "./ui.js";

const PATH = "api/v1/artifacts";
const MOST_EMPTY_PAGES = 20;
const BEGIN = `import trialbook

with trialbook.Client() as tb, tb.start_run("First steps") as run:
    artifacts = tb.context(run_id=run.id).artifacts()
    artifacts.save_file("model.bin", kind="model", tags=["candidate"],
                        metrics={"accuracy": 0.93}, description="What it is about")`;

/** @typedef {{ artifact: Artifact, score: number | null, why: ArtifactHit["why"] | null }} Hit */
/** @typedef {{ hits: Hit[], next_cursor: string | null }} Page */

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
  const pages = usePages((cursor, signal) => page(asked, cursor, signal), (one) => one.hits, [JSON.stringify(asked)]);
  // what comes meanwhile moves the others on
  const hits = [...new Map(pages.items.map((hit) => [hit.artifact.artifact_id, hit])).values()];
  const kinds = [...new Set(hits.map((hit) => hit.artifact.kind))];
  return html`
    <h1>Artifacts</h1>
    <${ArtifactFilters} asked=${asked} place=${place} kinds=${kinds} />
    <${Await} loaded=${pages.first} what="artifacts">
      ${() =>
        hits.length === 0 && !pages.more
          ? html`<${Nothing} isNarrowed=${isNarrowed(asked)} />`
          : html`
              <p class="faint" role="status">${countText(asked, hits.length, pages.more)}</p>
              <${ArtifactList} hits=${hits} />
              ${pages.error !== null && html`<${Failure} error=${pages.error} />`}
              ${pages.more && html`<button type="button" disabled=${pages.isBusy} onClick=${pages.load}>Show more</button>`}
            `}
    </${Await}>
  `;
}

/** @param {{ isNarrowed: boolean }} props */
function Nothing({ isNarrowed }) {
  return isNarrowed
    ? html`<p>No artifact fits. <a href=${href(["artifacts"])}>Show all</a></p>`
    : html`<${Empty} title="No artifacts yet" code=${BEGIN}>
        <p>Files of runs are in the runs. What is to be found again by what it is about is indexed here. In Python:</p>
      </${Empty}>`;
}

/**
 * A page of a list may be empty and have another after it: asked on until something is found. A search
 * has no pages: more of its hits are those of a higher limit, and the cursor is how many are known.
 * @param {import("./artifacts_asked.js").Wanted} asked
 * @param {string | null} cursor
 * @param {AbortSignal} [signal]
 * @returns {Promise<Page>}
 */
async function page(asked, cursor, signal) {
  if (isSearch(asked)) {
    const known = Number(cursor);
    const limit = known === 0 ? PAGE : MOST_HITS;
    const found = await post(`${PATH}/search`, searchBody(asked, limit), signal);
    return { hits: found.hits.slice(known), next_cursor: known === 0 && found.hits.length >= limit ? String(limit) : null };
  }
  let at = cursor;
  for (let round = 0; ; round += 1) {
    /** @type {{ artifacts: Artifact[], next_cursor: string | null }} */
    const found = await get(PATH, listQuery(asked, at), signal);
    if (found.artifacts.length > 0 || found.next_cursor === null || round === MOST_EMPTY_PAGES) {
      const hits = found.artifacts.map((artifact) => ({ artifact, score: null, why: null }));
      return { hits, next_cursor: found.next_cursor };
    }
    at = found.next_cursor;
  }
}
