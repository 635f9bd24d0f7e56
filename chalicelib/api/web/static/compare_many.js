// Many runs of an experiment at once: only what can be drawn of so many.
import { html, useState } from "preact";
import { ComparePlots } from "./compare_plots.js";
import { get, post, segment } from "./api.js";
import { useData } from "./data.js";
import { counted } from "./format.js";
import { adjust, href } from "./router.js";
import { Await, Crumbs, Empty, useTitle } from "./ui.js";

const MOST = 1000;

/** @param {{ slug: string, place: import("./router.js").Place }} props */
export function ManyRuns({ slug, place }) {
  const filter = place.query.get("filter") ?? "";
  const loaded = useData((signal) => found(slug, filter, signal), [slug, filter]);
  useTitle(`Compare runs of ${slug}`);
  return html`
    <${Crumbs} steps=${[
      { label: "Experiments", address: href([]) },
      { label: loaded.data?.experiment.name ?? slug, address: href(["experiments", slug]) },
      { label: "Compare" },
    ]} />
    <h1>Compare the runs of <bdi>${loaded.data?.experiment.name ?? slug}</bdi></h1>
    <${FilterForm} key=${filter} filter=${filter} place=${place} />
    <${Await} loaded=${loaded} what="runs">
      ${(/** @type {Found} */ { runs, experiment, isMore }) => html`
        <p class="faint" role="status">
          ${counted(runs.length, "run")}${isMore ? `, the newest that fit. Narrow the filter to see others.` : filter ? " that fit." : "."}
        </p>
        ${runs.length === 0
          ? html`<${Empty} title=${filter ? "No run fits" : "This experiment has no runs yet"}>
              <p>${filter ? "Try a wider filter." : html`<a href=${href(["experiments", slug])}>See how to log one</a>`}</p>
            </${Empty}>`
          : html`<${ComparePlots} runs=${runs} place=${place} preferred=${Object.keys(experiment.metric_goals)} />`}
      `}
    </${Await}>
  `;
}

/** @typedef {{ runs: Run[], experiment: Experiment, isMore: boolean }} Found */

/**
 * A page may be cut by its size: asked on until there are enough.
 * @param {string} slug
 * @param {string} filter
 * @param {AbortSignal} signal
 * @returns {Promise<Found>}
 */
async function found(slug, filter, signal) {
  const experiment = get(`api/v1/experiments/${segment(slug)}`, {}, signal);
  // answered later, and not lost when the other fails first
  experiment.catch(() => {});
  /** @type {Run[]} */
  const runs = [];
  /** @type {string | null} */
  let cursor = null;
  do {
    /** @type {Runs} */
    const page = await post(
      "api/v1/experiments/runs/search",
      { experiment_ids: [slug], limit: MOST - runs.length, ...(filter && { filter }), ...(cursor && { cursor }) },
      signal,
    );
    runs.push(...page.runs);
    cursor = page.next_cursor;
  } while (cursor !== null && runs.length < MOST);
  return { runs, experiment: await experiment, isMore: cursor !== null };
}

/** @param {{ filter: string, place: import("./router.js").Place }} props */
function FilterForm({ filter, place }) {
  const [text, setText] = useState(filter);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    adjust(place, { filter: text.trim(), range: null });
  };
  return html`
    <form class="toolbar" role="search" onSubmit=${submit}>
      <span class="grow">
        <label class="hidden-label" for="compare-filter">Filter of runs</label>
        <input id="compare-filter" spellcheck=${false} placeholder="metrics.loss < 0.5 and params.optimizer = 'adam'"
          value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} />
      </span>
      <button type="submit">Filter</button>
    </form>
  `;
}
