// One run: what it was given, what it gave.
import { html, useEffect, useMemo, useState } from "preact";
import { call, get, segment } from "./api.js";
import { MetricCharts } from "./charts.js";
import { perKey, useData, useEvery } from "./data.js";
import { EditDialog } from "./edit.js";
import { RunFiles } from "./files.js";
import { duration, plain, time } from "./format.js";
import { go, href } from "./router.js";
import { RunNotes } from "./run_notes.js";
import { RunOverview } from "./run_overview.js";
import { RunPicker } from "./run_picker.js";
import { Await, Copy, Crumbs, Failure, Status, Tabs, Tags, When, useTitle } from "./ui.js";

const REFRESH_MS = 5000;
const MAX_COMPARED = 10;

/** What was shown last: another tab of the same run begins with it. */
const last = perKey(() => ({ run: /** @type {Run | null} */ (null), experiment: /** @type {Experiment | null} */ (null) }));

/** @param {{ place: import("./router.js").Place }} props */
export function RunView({ place }) {
  const [, id = "", tab = "overview"] = place.path;
  const before = last().run;
  const loaded = useData(
    async (signal) => {
      const kept = last();
      const run = await get(`api/v1/experiments/runs/${segment(id)}`, {}, signal);
      if (kept.experiment?.id !== run.experiment_id) {
        kept.experiment = await get(`api/v1/experiments/${segment(run.experiment_id)}`, {}, signal);
      }
      kept.run = run;
      return run;
    },
    [id],
    { fresh: true, before: before?.run_id === id ? before : undefined },
  );
  const { data } = loaded;
  useEvery(REFRESH_MS, data?.status === "running", loaded.reload);
  useTitle(data?.name ?? "Run");
  return html`<${Await} loaded=${loaded} what="the run">
    ${(/** @type {Run} */ run) => html`<${Shown} run=${run} tab=${tab} place=${place} reload=${loaded.reload} />`}
  </${Await}>`;
}

/** @param {{ run: Run, tab: string, place: import("./router.js").Place, reload: () => void }} props */
function Shown({ run, tab, place, reload }) {
  const { experiment: known } = last();
  const experiment = known?.id === run.experiment_id ? known : null;
  const runs = useMemo(() => [run], [run]);
  const tabs = [
    { name: "overview", label: "Overview" },
    { name: "charts", label: "Charts" },
    { name: "files", label: "Files" },
    { name: "notes", label: "Notes" },
  ].map((one) => ({ ...one, address: href(["runs", run.run_id, one.name]) }));
  return html`
    <${Crumbs}
      steps=${[
        { label: "Experiments", address: href(["experiments"]) },
        { label: experiment?.name ?? "Experiment", address: href(["experiments", experiment?.slug ?? run.experiment_id]) },
        { label: run.name },
      ]}
    />
    <header class="run-head">
      <h1>${run.name}</h1>
      <${Actions} run=${run} reload=${reload} />
    </header>
    <p class="run-facts">
      <${Status} status=${run.status} />
      ${run.lifecycle_stage === "deleted" && html`<span class="status status-deleted">archived</span>`}
      <span>Began <${When} at=${run.start_time} /></span>
      <span title=${run.end_time === null ? "" : `Ended ${time(run.end_time)}`}>
        ${run.status === "running" ? `running for ${duration(Date.now() - Date.parse(run.start_time))}` : `took ${duration(run.duration_ms)}`}
      </span>
      <span>by <bdi>${run.tags["mlflow.user"] ?? run.created_by}</bdi></span>
      <span class="run-id"><code>${run.run_id}</code> <${Copy} text=${run.run_id} label="Copy the id" /></span>
    </p>
    <${Tags} tags=${run.tags} />
    <${Tabs} tabs=${tabs} current=${tab} />
    ${tab === "charts"
      ? html`<${MetricCharts} runs=${runs} place=${place} />`
      : tab === "files"
        ? html`<${RunFiles} run=${run} place=${place} />`
        : tab === "notes"
          ? html`<${RunNotes} run=${run} reload=${reload} />`
          : html`<${RunOverview} run=${run} />`}
  `;
}

/** @param {{ run: Run, reload: () => void }} props */
function Actions({ run, reload }) {
  const [open, setOpen] = useState(/** @type {"edit" | "compare" | null} */ (null));
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const [isSure, setSure] = useState(false);
  useEffect(() => setSure(false), [run.lifecycle_stage]);
  const isArchived = run.lifecycle_stage === "deleted";
  const path = `api/v1/experiments/runs/${segment(run.run_id)}`;
  const toggle = async () => {
    setBusy(true);
    try {
      await (isArchived ? call("POST", `${path}/restore`) : call("DELETE", path));
      setError(null);
      reload();
    } catch (refused) {
      setError(/** @type {Error} */ (refused));
    }
    setBusy(false);
  };
  return html`
    <div class="run-actions">
      <button type="button" onClick=${() => setOpen("compare")}>Compare with …</button>
      ${!isArchived && html`<button type="button" onClick=${() => setOpen("edit")}>Edit</button>`}
      ${isArchived || isSure
        ? html`<button type="button" disabled=${isBusy} onClick=${toggle}>${isArchived ? "Restore" : "Archive it"}</button>`
        : html`<button type="button" class="quiet" onClick=${() => setSure(true)}>Archive</button>`}
      ${isSure && !isArchived && html`<button type="button" class="quiet" onClick=${() => setSure(false)}>Keep it</button>`}
    </div>
    ${error !== null && html`<${Failure} error=${error} />`}
    ${open === "edit" &&
    html`<${EditDialog}
      title="Name and tags"
      path=${`api/v1/experiments/runs/${segment(run.run_id)}`}
      given=${{ name: run.name, tags: run.tags }}
      close=${() => setOpen(null)}
      changed=${reload}
    />`}
    ${open === "compare" &&
    html`<${RunPicker}
      experimentId=${run.experiment_id} title=${`Compare ${plain(run.name)} with`} action="Compare"
      chosen=${[run.run_id]} max=${MAX_COMPARED} least=${2}
      done=${(/** @type {string[]} */ ids) => go(href(["compare"], { runs: ids.join(",") }))} close=${() => setOpen(null)}
    />`}
  `;
}
