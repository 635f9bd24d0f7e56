// All experiments: found by words and tags, newest first.
import { html, useEffect } from "preact";
import { get } from "./api.js";
import { usePages, useTyped } from "./data.js";
import { counted } from "./format.js";
import { adjust, here, href } from "./router.js";
import { tagText } from "./tag_lines.js";
import { Await, Empty, Failure, Status, When, useTitle } from "./ui.js";

const PAGE = 100;
/** In so many a tag is looked for without being asked to. */
const MOST_SOUGHT = 2000;
const BEGIN = `import trialbook

with trialbook.Client() as tb, tb.start_run("First steps", params={"lr": 0.01}) as run:
    for step in range(100):
        run.log({"loss": 1 / (step + 1)}, step=step)`;

/** @param {{ place: import("./router.js").Place }} props */
export function ExperimentsView({ place }) {
  useTitle("Experiments");
  const asked = place.query.get("search") ?? "";
  const stage = place.query.get("stage") === "deleted" ? "deleted" : "active";
  const tag = place.query.get("tag") ?? "";
  const { typed, setTyped } = useTyped(asked, (text) => adjust(here(), { search: text }));
  const found = usePages(
    (cursor, signal) =>
      get("api/v1/experiments", { search: asked, lifecycle_stage: stage, limit: PAGE, cursor }, signal),
    (/** @type {Experiments} */ page) => page.experiments,
    [asked, stage],
  );
  return html`
    <h1>Experiments</h1>
    <form class="toolbar" role="search" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <span class="grow">
        <label class="hidden-label" for="search">Search by name or slug</label>
        <input
          id="search"
          type="search"
          placeholder="Search by name or slug"
          value=${typed}
          onInput=${(/** @type {any} */ event) => setTyped(event.target.value)}
        />
      </span>
      <label class="inline">
        <input
          type="checkbox"
          checked=${stage === "deleted"}
          onChange=${(/** @type {any} */ event) =>
            adjust(place, { stage: event.target.checked ? "deleted" : null })}
        />
        Archived
      </label>
      ${tag &&
      html`<button type="button" onClick=${() => adjust(place, { tag: null })}>Tag <bdi>${tag}</bdi> ✕</button>`}
    </form>
    <${Await} loaded=${found.first} what="experiments">
      ${(/** @type {Experiments} */ { total }) =>
        html`<${Listed} found=${found} total=${total} asked=${asked} stage=${stage} tag=${tag} place=${place} />`}
    </${Await}>
  `;
}

/**
 * @param {{ found: ReturnType<typeof usePages<Experiments, Experiment>>, total: number, asked: string,
 *   stage: string, tag: string, place: import("./router.js").Place }} props
 */
function Listed({ found, total, asked, stage, tag, place }) {
  const { items, more, isBusy, error, load } = found;
  const shown = tag === "" ? items : items.filter((one) => hasTag(one, tag));
  const isSought = shown.length === 0 && more && error === null && items.length < MOST_SOUGHT;
  useEffect(() => {
    if (isSought && !isBusy) {
      void load();
    }
  }, [isSought, isBusy]);
  if (items.length === 0) {
    return asked || stage === "deleted"
      ? html`<p>No experiment ${stage === "deleted" ? "is archived" : "has this in its name"}.</p>`
      : html`<${Empty} title="No experiments yet" code=${BEGIN}>
          <p>An experiment is there with its first run. In Python, where the key is known:</p>
        </${Empty}>`;
  }
  const of = tag === "" ? (more ? ` of ${total.toLocaleString("en")}` : "") : `, of the ${items.length.toLocaleString("en")} loaded`;
  return html`
    <p class="faint" role="status">
      ${counted(shown.length, "experiment")} ${tag === "" ? "shown" : "with this tag"}${of}${isSought ? "; looking further …" : ""}
    </p>
    <div class="scroll">
      <table class="whole">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Tags</th>
            <th scope="col" class="number">Runs</th>
            <th scope="col" class="number">Artifacts</th>
            <th scope="col">A/B test</th>
            <th scope="col">Changed</th>
            <th scope="col">By</th>
          </tr>
        </thead>
        <tbody>
          ${shown.map(
            (one) => html`<tr key=${one.id}>
              <td class="long">
                <a href=${href(["experiments", one.slug])}>${one.name}</a>
                ${one.description && html`<div class="faint clamp">${one.description}</div>`}
              </td>
              <td>
                ${Object.entries(one.tags)
                  .filter(([name]) => !name.startsWith("mlflow."))
                  .map(
                    ([name, value]) => html`<button
                      type="button"
                      class="tag"
                      title="Only experiments with this tag"
                      onClick=${() => adjust(place, { tag: tagText(name, value) })}
                    >
                      ${tagText(name, value)}
                    </button>`,
                  )}
              </td>
              <td class="number">${one.counts.runs.toLocaleString("en")}</td>
              <td class="number">${one.counts.artifacts.toLocaleString("en")}</td>
              <td>
                ${one.variants.length > 0 &&
                html`<a href=${href(["experiments", one.slug, "results"])}><${Status} status=${one.status} /></a>`}
              </td>
              <td><${When} at=${one.last_updated} /></td>
              <td>${one.created_by}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${error !== null && html`<${Failure} error=${error} />`}
    ${more && html`<button type="button" disabled=${isBusy} onClick=${load}>Show more</button>`}
  `;
}

/** @param {Experiment} one @param {string} tag */
function hasTag(one, tag) {
  return Object.entries(one.tags).some(([name, value]) => tagText(name, value) === tag);
}
