// The runs of one experiment: filter, columns, groups, selection, and the table.
import { html, useEffect, useMemo, useRef, useState } from "preact";
import { ApiError } from "./api.js";
import { askedColumns, column, defaultColumns, listText, orderBy, parsedList, parsedSort, sortText } from "./columns.js";
import { FilterBox } from "./filter_box.js";
import { counted, time } from "./format.js";
import { grouped, groups } from "./grouping.js";
import { adjust, here, href } from "./router.js";
import { SelectionActions } from "./runs_actions.js";
import { HowToLog } from "./runs_begin.js";
import { ColumnsDialog } from "./runs_columns_dialog.js";
import { useRuns } from "./runs_loading.js";
import { bestValues, toggled } from "./runs_rows.js";
import { RunsTable } from "./runs_table.js";
import { Empty, Failure } from "./ui.js";

/** @typedef {import("./columns.js").Column} Column */
/** @typedef {import("./runs_rows.js").Row} Row */

/** More selected runs than these are not in the address: it would be too long for a chat. */
const MOST_IN_ADDRESS = 50;
const NAME = /** @type {Column} */ (column("name"));

/**
 * @param {{ experiment: Experiment, place: import("./router.js").Place, changed: () => void }} props
 *   `changed` hears that there are more or fewer runs than before
 */
export function RunsTab({ experiment, place, changed }) {
  const { query } = place;
  const filter = query.get("filter") ?? "";
  const isArchived = query.get("stage") === "deleted";
  const sort = parsedSort(query.get("sort"));
  const groupBy = query.get("group") ?? "";
  const found = useRuns({ experimentId: experiment.id, filter, order: orderBy(sort), isArchived });
  const { rows, known, error } = found;
  const [isChoosing, setChoosing] = useState(false);
  const shownBefore = useRef({ asked: "", count: 0 });
  useEffect(() => {
    const before = shownBefore.current;
    if (found.isWhole) {
      shownBefore.current = { asked: found.asked, count: rows.length };
      if (before.asked === found.asked && before.count !== rows.length) {
        changed();
      }
    }
  }, [found.isWhole, found.asked, rows.length]);

  const goals = experiment.metric_goals;
  const asked = query.get("columns");
  const columns = useMemo(
    () => [NAME, ...(askedColumns(asked) ?? defaultColumns(known, goals))],
    [asked, rows, goals],
  );
  const shownColumns = useStable(columns);
  const best = useMemo(() => bestValues(rows, goals), [rows, goals]);
  const { lines, openGroups, toggleGroup, openAll, groupCount } = useLines(rows, groupBy);
  const selection = useSelection(query.get("selected") ?? "", isArchived, rows, lines);
  const isWrongFilter = error instanceof ApiError && error.status === 400 && "position" in error.details;
  const change = (/** @type {Record<string, string | null>} */ changes) => adjust(here(), changes);

  if (rows.length === 0 && found.isWhole && !found.isNew && filter === "" && !isArchived && error === null) {
    return html`
      <${Empty} title="No runs yet">
        <p>They are here as soon as they are logged; this page looks for them every few seconds.</p>
        <${HowToLog} experiment=${experiment} />
      </${Empty}>
      <${ArchivedToggle} isArchived=${false} change=${change} />
    `;
  }
  return html`
    <${FilterBox}
      filter=${filter}
      known=${known}
      error=${isWrongFilter ? error : null}
      apply=${(/** @type {string} */ text) => (text === filter && isWrongFilter ? found.retry() : change({ filter: text }))}
    />
    <div class="toolbar runs-line">
      <span role="status">${counts(found, groupBy === "" ? 0 : groupCount, isWrongFilter)}</span>
      <button type="button" onClick=${() => setChoosing(true)}>Columns …</button>
      <${GroupChoice} groupBy=${groupBy} known=${known} change=${change} />
      ${groupBy !== "" && groupCount > 0 &&
      html`<button type="button" class="quiet" onClick=${openAll}>
        ${openGroups.size < groupCount ? "Open all" : "Close all"}
      </button>`}
      <${ArchivedToggle} isArchived=${isArchived} change=${change} />
      <a href=${href(["compare"], { experiment: experiment.slug, filter })}>Plot all</a>
      <span class="runs-end">
        ${selection.ids.length > 0
          ? html`<${SelectionActions}
              experiment=${experiment}
              ids=${selection.ids}
              isArchived=${isArchived}
              clear=${selection.clear}
              moved=${(/** @type {string[]} */ ids) => { found.remove(new Set(ids)); selection.forget(ids); }}
            />`
          : html`<${Updated} found=${found} />`}
      </span>
    </div>
    ${error !== null && !isWrongFilter && html`<${Failure} error=${error} retry=${found.retry} />`}
    ${rows.length > 0
      ? html`<${RunsTable}
          asked=${`${found.asked} ${groupBy}`}
          lines=${lines}
          rows=${rows}
          columns=${shownColumns}
          sort=${sort}
          goals=${goals}
          best=${best}
          selected=${selection.selected}
          openGroups=${openGroups}
          updatedAt=${found.updatedAt}
          onSort=${(/** @type {import("./columns.js").Sort | null} */ next) => change({ sort: sortText(next) })}
          onPick=${selection.pick}
          onPickAll=${selection.pickAll}
          onOpen=${toggleGroup}
        />`
      : found.isWhole && !isWrongFilter && html`<p>${isArchived ? "No run is archived." : "No run matches this filter."}</p>`}
    ${isChoosing &&
    html`<${ColumnsDialog}
      shown=${columns.slice(1)}
      known=${known}
      close=${() => setChoosing(false)}
      choose=${(/** @type {Column[] | null} */ chosen) => {
        setChoosing(false);
        change({ columns: chosen === null ? null : listText(chosen.map((one) => one.id)) });
      }}
    />`}
  `;
}

/** The same list as before while it has the same columns. @param {Column[]} columns */
function useStable(columns) {
  const kept = useRef(columns);
  const now = listText(columns.map((one) => one.id));
  if (listText(kept.current.map((one) => one.id)) !== now) {
    kept.current = columns;
  }
  return kept.current;
}

/** @param {Row[]} rows @param {string} groupBy */
function useLines(rows, groupBy) {
  const [openGroups, setOpen] = useState(/** @type {ReadonlySet<string>} */ (new Set()));
  const all = useMemo(() => (groupBy === "" ? [] : groups(rows, groupBy)), [rows, groupBy]);
  const lines = useMemo(
    () =>
      groupBy === ""
        ? rows.map((row) => ({ group: null, row }))
        : grouped(all, (group) => openGroups.has(group.id)),
    [rows, all, groupBy, openGroups],
  );
  const toggleGroup = (/** @type {string} */ id) =>
    setOpen((old) => {
      const next = new Set(old);
      if (!next.delete(id)) {
        next.add(id);
      }
      return next;
    });
  const openAll = () =>
    setOpen((old) => (old.size < all.length ? new Set(all.map((group) => group.id)) : new Set()));
  return { lines, openGroups, toggleGroup, openAll, groupCount: all.length };
}

/**
 * Which runs are selected: in the address, too, while they are few.
 * What the address says otherwise, by a link or the way back, wins.
 * @param {string} text
 * @param {boolean} isArchived of the archived ones others are selected
 * @param {Row[]} rows
 * @param {import("./grouping.js").Line[]} lines
 */
function useSelection(text, isArchived, rows, lines) {
  const [selected, setSelected] = useState(/** @returns {ReadonlySet<string>} */ () => new Set(parsedList(text)));
  const from = useRef(/** @type {string | null} */ (null));
  const told = useRef({ text, isArchived });
  useEffect(() => {
    if (told.current.text !== text || told.current.isArchived !== isArchived) {
      told.current = { text, isArchived };
      setSelected(new Set(parsedList(text)));
    }
  }, [text, isArchived]);
  const ids = useMemo(
    () => (selected.size === 0 ? [] : rows.filter((row) => selected.has(row.run_id)).map((row) => row.run_id)),
    [selected, rows],
  );
  const set = (/** @type {ReadonlySet<string>} */ next) => {
    setSelected(next);
    const selected = next.size > MOST_IN_ADDRESS ? "" : listText([...next]);
    told.current = { text: selected, isArchived };
    adjust(here(), { selected });
  };
  return {
    selected,
    ids,
    clear: () => set(new Set()),
    forget: (/** @type {string[]} */ gone) => set(new Set([...selected].filter((id) => !gone.includes(id)))),
    pick: (/** @type {string} */ id, /** @type {boolean} */ isRange) => {
      const shown = lines.flatMap((line) => (line.row === null ? [] : [line.row.run_id]));
      set(toggled(selected, shown, id, isRange ? from.current : null));
      from.current = id;
    },
    pickAll: (/** @type {Row[]} */ some, /** @type {boolean} */ isOn) => {
      const next = new Set(selected);
      for (const row of some) {
        if (isOn) {
          next.add(row.run_id);
        } else {
          next.delete(row.run_id);
        }
      }
      set(next);
    },
  };
}

/**
 * @param {{ groupBy: string, known: import("./runs_rows.js").Known,
 *   change: (changes: Record<string, string | null>) => void }} props
 */
function GroupChoice({ groupBy, known, change }) {
  const params = [...known.params.keys()].sort();
  const tags = [...known.tags.keys()].sort();
  const isThere = groupBy === "" || groupBy === "status" || groupBy === "user";
  const isListed = isThere || params.some((key) => `params.${key}` === groupBy) || tags.some((key) => `tags.${key}` === groupBy);
  const option = (/** @type {string} */ value, /** @type {string} */ label) =>
    html`<option value=${value} selected=${value === groupBy}>${label}</option>`;
  return html`<label class="inline">
    Group by
    <select class="group-choice" onChange=${(/** @type {any} */ event) => change({ group: event.target.value })}>
      ${option("", "nothing")} ${option("status", "Status")} ${option("user", "User")}
      ${!isListed && option(groupBy, groupBy)}
      ${params.length > 0 && html`<optgroup label="Params">${params.map((key) => option(`params.${key}`, key))}</optgroup>`}
      ${tags.length > 0 && html`<optgroup label="Tags">${tags.map((key) => option(`tags.${key}`, key))}</optgroup>`}
    </select>
  </label>`;
}

/** @param {{ isArchived: boolean, change: (changes: Record<string, string | null>) => void }} props */
function ArchivedToggle({ isArchived, change }) {
  return html`<label class="inline">
    <input
      type="checkbox"
      checked=${isArchived}
      onChange=${(/** @type {any} */ event) =>
        change({ stage: event.target.checked ? "deleted" : null, selected: null })}
    />
    Archived
  </label>`;
}

/**
 * @param {ReturnType<typeof useRuns>} found
 * @param {number} groupCount
 * @param {boolean} isWrongFilter what is shown is still what the filter before it found
 */
function counts(found, groupCount, isWrongFilter) {
  if (found.updatedAt === 0) {
    return found.error === null ? "Loading runs …" : "";
  }
  const shown = counted(found.rows.length, "run");
  const inGroups = groupCount > 0 ? ` in ${counted(groupCount, "group")}` : "";
  if (isWrongFilter) {
    return `${shown} as before`;
  }
  if (found.isCut) {
    return `The first ${shown}${inGroups}; filter to see others`;
  }
  return shown + inGroups + (found.isLoading ? ", loading …" : "");
}

/** @param {{ found: ReturnType<typeof useRuns> }} props */
function Updated({ found }) {
  if (found.isStale) {
    return html`<span class="faint">Not updated since ${time(found.updatedAt).slice(11)}; trying again</span>`;
  }
  return found.isLive && html`<span class="faint live">Live · updated ${time(found.updatedAt).slice(11)}</span>`;
}
