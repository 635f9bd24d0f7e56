// The runs of an experiment, page after page, and again while some of them run.
import { useCallback, useEffect, useRef, useState } from "preact";
import { post } from "./api.js";
import { perKey, useEvery, useKey } from "./data.js";
import { spelledString } from "./filter_fields.js";
import { appended, learn, nothingKnown, refreshed, rowOf } from "./runs_rows.js";

/** @typedef {import("./runs_rows.js").Row} Row */

/** How many runs are held at most. */
const MOST_RUNS = 10_000;
const FIRST_PAGE = 50;
const PAGE = 1000;
const REFRESHED = 100;
const REFRESH_MS = 5000;

/**
 * @typedef {object} Wanted
 * @property {string} experimentId
 * @property {string} filter
 * @property {string[]} order clauses of order_by
 * @property {boolean} isArchived
 */

/**
 * @typedef {object} Found
 * @property {string} asked tells one search from another: that which the rows answer
 * @property {Row[]} rows
 * @property {Error | null} error
 * @property {boolean} isLoading
 * @property {boolean} isWhole all pages are there
 * @property {boolean} isCut there are more than are held
 * @property {number} updatedAt milliseconds, 0 before the first answer
 * @property {boolean} isStale the last try to refresh failed
 */

/** @type {Found} */
const NOTHING = {
  asked: "", rows: [], error: null, isLoading: true, isWhole: false, isCut: false, updatedAt: 0, isStale: false,
};

/** What was shown last and how far it was scrolled, for the way back from a run. */
const last = perKey(() => ({ found: NOTHING, table: "", scrollTop: 0 }));

/** @param {string} table which table it was @param {number} scrollTop */
export function rememberScroll(table, scrollTop) {
  Object.assign(last(), { table, scrollTop });
}

/** @param {string} table */
export function rememberedScroll(table) {
  return last().table === table ? last().scrollTop : 0;
}

/**
 * Old rows stay until the first page of a new search is there. What is shown is asked again every
 * five seconds while one of the runs is running, or while there is none.
 * @param {Wanted} wanted
 */
export function useRuns(wanted) {
  const asked = JSON.stringify(wanted);
  const owner = useKey();
  const [firstOwner] = useState(owner);
  const [found, setFound] = useState(() => (last().found.asked === asked ? last().found : NOTHING));
  const [round, setRound] = useState(0);
  const known = useRef(nothingKnown());
  const abort = useRef(new AbortController());
  const isRefreshing = useRef(false);
  const turn = useRef(0);
  // An answer that was on its way while runs were taken out still has them.
  const removed = useRef(/** @type {Set<string>} */ (new Set()));

  useEffect(() => {
    abort.current = new AbortController();
    const { signal } = abort.current;
    removed.current.clear();
    if (round === 0 && owner === firstOwner && found.asked === asked && found.isWhole) {
      learn(known.current, found.rows);
      void refresh();
    } else {
      void load(signal);
    }
    return () => abort.current.abort();
  }, [asked, owner, round]);

  useEffect(() => {
    last().found = found;
  }, [found]);

  /** @param {AbortSignal} signal */
  async function load(signal) {
    setFound((old) => ({ ...old, error: null, isLoading: true }));
    let cursor = null;
    let count = 0;
    try {
      do {
        const limit = Math.min(cursor === null ? FIRST_PAGE : PAGE, MOST_RUNS - count);
        const page = await search({ limit, cursor }, signal);
        count += page.rows.length;
        const isFirst = cursor === null;
        cursor = page.cursor;
        const isLast = cursor === null || count >= MOST_RUNS;
        const isCut = isLast && cursor !== null;
        setFound((old) => ({
          asked,
          rows: isFirst ? page.rows : appended(old.rows, page.rows),
          error: null,
          isLoading: !isLast,
          isWhole: isLast,
          isCut,
          updatedAt: Date.now(),
          isStale: false,
        }));
      } while (cursor !== null && count < MOST_RUNS);
    } catch (error) {
      if (!signal.aborted) {
        setFound((old) => ({ ...old, error: /** @type {Error} */ (error), isLoading: false }));
      }
    }
  }

  /**
   * @param {{ limit: number, cursor?: string | null, filter?: string }} page
   * @param {AbortSignal} signal
   * @returns {Promise<{ rows: Row[], cursor: string | null }>}
   */
  async function search({ limit, cursor = null, filter = wanted.filter }, signal) {
    const body = {
      experiment_ids: [wanted.experimentId],
      filter,
      order_by: wanted.order,
      lifecycle_stage: wanted.isArchived ? "deleted" : "active",
      limit,
      ...(cursor !== null && { cursor }),
    };
    const answer = /** @type {Runs} */ (await post("api/v1/experiments/runs/search", body, signal));
    signal.throwIfAborted();
    const rows = answer.runs.filter((run) => !removed.current.has(run.run_id)).map(rowOf);
    learn(known.current, rows);
    return { rows, cursor: answer.next_cursor };
  }

  async function refresh() {
    if (isRefreshing.current) {
      return;
    }
    isRefreshing.current = true;
    const { signal } = abort.current;
    try {
      const first = await search({ limit: REFRESHED }, signal);
      const top = new Set(first.rows.map((row) => row.run_id));
      const running = found.rows.filter((row) => isRunning(row) && !top.has(row.run_id));
      // Some of them each time, by turns.
      const begin = turn.current < running.length ? turn.current : 0;
      const ids = running.slice(begin, begin + REFRESHED).map((row) => row.run_id);
      turn.current = begin + ids.length;
      const these = `run_id IN (${ids.map(spelledString).join(", ")})`;
      const filter = wanted.filter.trim() === "" ? these : `${wanted.filter} AND ${these}`;
      const others =
        ids.length === 0 || first.cursor === null ? [] : (await search({ limit: REFRESHED, filter }, signal)).rows;
      setFound((old) => ({
        ...old,
        rows: refreshed(old.rows, first.rows, first.cursor === null, others, ids),
        updatedAt: Date.now(),
        isStale: false,
      }));
    } catch {
      // what is shown stays; the hint beside it says so
      if (!signal.aborted) {
        setFound((old) => ({ ...old, isStale: true }));
      }
    } finally {
      isRefreshing.current = false;
    }
  }

  const isQuiet = found.isWhole && found.asked === asked && found.error === null;
  const isLive = isQuiet && (found.rows.length === 0 || found.rows.some(isRunning));
  useEvery(REFRESH_MS, isLive, () => void refresh());
  useEffect(() => {
    const seen = () => {
      if (!document.hidden && isQuiet) {
        void refresh();
      }
    };
    document.addEventListener("visibilitychange", seen);
    return () => document.removeEventListener("visibilitychange", seen);
  });

  const remove = useCallback((/** @type {ReadonlySet<string>} */ ids) => {
    ids.forEach((id) => removed.current.add(id));
    setFound((old) => ({ ...old, rows: old.rows.filter((row) => !ids.has(row.run_id)) }));
  }, []);
  const retry = useCallback(() => setRound((old) => old + 1), []);
  return { ...found, isNew: found.asked !== asked, known: known.current, isLive, remove, retry };
}

/** @param {Row} row */
function isRunning(row) {
  return row.status === "running";
}
