// What is loaded for a view: the newest answer wins, and what is shown stays while more comes.
import { useCallback, useEffect, useRef, useState } from "preact";
import { ApiError, key } from "./api.js";

/**
 * @template T
 * @typedef {object} Loaded
 * @property {T | undefined} data
 * @property {Error | null} error
 * @property {boolean} isLoading
 * @property {() => void} reload
 */

/**
 * What a module remembers between views: of one key alone, what another may see is not the same.
 * @template T
 * @param {() => T} make what is remembered at first
 * @returns {() => T} what is remembered with the key of now
 */
export function perKey(make) {
  /** @type {{ owner: string | null, value: T } | null} */
  let kept = null;
  return () => {
    const owner = key();
    if (kept === null || kept.owner !== owner) {
      kept = { owner, value: make() };
    }
    return kept.value;
  };
}

/** The key, or the last one while it is asked for again. */
export function useKey() {
  const [now, setNow] = useState(key);
  useEffect(() => {
    const changed = () => setNow((old) => key() ?? old);
    addEventListener("trialbook:key", changed);
    return () => removeEventListener("trialbook:key", changed);
  }, []);
  return now;
}

/**
 * Load when one of `deps` or the key changes; an answer that comes too late is dropped. Asked to load
 * again while it loads, it does so afterwards: a slow server still gets to answer. What may not be seen
 * or is gone is not shown any longer.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {unknown[]} deps
 * @param {{ fresh?: boolean, before?: T | undefined }} [how] `fresh`: what answered other deps is not
 *   shown meanwhile; `before` is shown until there is an answer
 * @returns {Loaded<T>}
 */
export function useData(load, deps, { fresh = false, before } = {}) {
  const [state, setState] = useState(
    /** @type {{ data: T | undefined, error: Error | null, isLoading: boolean, of: string }} */
    ({ data: undefined, error: null, isLoading: true, of: "" }),
  );
  const [round, setRound] = useState(0);
  const pending = useRef({ isBusy: false, isAsked: false });
  const owner = useKey();
  const question = fresh ? JSON.stringify(deps) : "";
  useEffect(() => {
    const abort = new AbortController();
    const mine = { isBusy: true, isAsked: false };
    pending.current = mine;
    setState((old) => ({ ...old, isLoading: true }));
    const ended = (/** @type {(old: typeof state) => typeof state} */ change) => {
      if (!abort.signal.aborted) {
        mine.isBusy = false;
        setState(change);
        if (mine.isAsked) {
          setRound((old) => old + 1);
        }
      }
    };
    load(abort.signal).then(
      (data) => ended(() => ({ data, error: null, isLoading: false, of: question })),
      (error) => ended((old) => ({ ...old, ...(isNotFor(error) && { data: undefined }), error, isLoading: false })),
    );
    return () => abort.abort();
  }, [...deps, owner, round]);
  const reload = useCallback(() => {
    if (pending.current.isBusy) {
      pending.current.isAsked = true;
    } else {
      setRound((old) => old + 1);
    }
  }, []);
  const isOfThis = state.of === question;
  const error = isOfThis || !state.isLoading ? state.error : null;
  const data = isOfThis ? state.data : undefined;
  const shown = data === undefined && !isNotFor(error) ? before : data;
  return { data: shown, error, isLoading: state.isLoading, reload };
}

/** @param {Error | null} error */
function isNotFor(error) {
  return error instanceof ApiError && (error.status === 403 || error.status === 404);
}

/**
 * A list that comes in pages: the first by itself, each other one when it is asked for.
 * @template {{ next_cursor: string | null }} P
 * @template T
 * @param {(cursor: string | null, signal?: AbortSignal) => Promise<P>} ask null is the first page
 * @param {(page: P) => T[]} pick what is listed of a page
 * @param {unknown[]} deps with others the list begins anew
 * @returns {{ first: Loaded<P>, items: T[], more: boolean, isBusy: boolean, error: Error | null,
 *   load: () => Promise<void> }} `more` tells that `load` would add a page; `error` is of that alone
 */
export function usePages(ask, pick, deps) {
  const first = useData((signal) => ask(null, signal), deps, { fresh: true });
  const question = JSON.stringify([...deps, useKey()]);
  const none = { of: question, pages: /** @type {P[]} */ ([]), error: /** @type {Error | null} */ (null), isBusy: false };
  const [held, setHeld] = useState(none);
  const rest = held.of === question ? held : none;
  const pages = first.data === undefined ? [] : [first.data, ...rest.pages];
  const cursor = pages.at(-1)?.next_cursor ?? null;
  const load = async () => {
    const ended = (/** @type {Partial<typeof none>} */ change) =>
      setHeld((old) => (old.of === question ? { ...old, ...change, isBusy: false } : old));
    setHeld({ ...rest, error: null, isBusy: true });
    try {
      ended({ pages: [...rest.pages, await ask(cursor)] });
    } catch (error) {
      ended({ error: /** @type {Error} */ (error) });
    }
  };
  return { first, items: pages.flatMap(pick), more: cursor !== null, isBusy: rest.isBusy, error: rest.error, load };
}

/** @type {Set<() => void>} */
const clocks = new Set();
let timer = 0;

/** Draws again each minute, for what is said of the time that has passed. */
export function useMinute() {
  const [, setCount] = useState(0);
  useEffect(() => {
    const tick = () => setCount((old) => old + 1);
    clocks.add(tick);
    timer ||= setInterval(() => clocks.forEach((one) => one()), 60_000);
    return () => {
      clocks.delete(tick);
    };
  }, []);
}

/**
 * Call again and again while `isOn`, and not while the page is hidden.
 * @param {() => void} work
 * @param {number} milliseconds
 * @param {boolean} isOn
 */
export function useEvery(milliseconds, isOn, work) {
  const newest = useRef(work);
  newest.current = work;
  useEffect(() => {
    if (!isOn) {
      return undefined;
    }
    const timer = setInterval(() => {
      if (!document.hidden) {
        newest.current();
      }
    }, milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds, isOn]);
}

/**
 * What is typed or dragged of something that the address has: it shows at once, and is committed when
 * it has not changed for a moment. What the address says otherwise, by a link or the way back, wins.
 * @template T
 * @param {T} asked as the address has it
 * @param {(value: T) => void} commit puts it there
 * @returns {{ typed: T, setTyped: (value: T) => void, settled: T }}
 */
export function useTyped(asked, commit) {
  const [typed, setTyped] = useState(asked);
  const told = useRef(asked);
  const settled = useSettled(typed);
  useEffect(() => {
    if (asked !== told.current) {
      told.current = asked;
      setTyped(asked);
    }
  }, [asked]);
  useEffect(() => {
    if (settled !== told.current) {
      told.current = settled;
      commit(settled);
    }
  }, [settled]);
  return { typed, setTyped, settled };
}

/**
 * The value, once it has not changed for a moment: for what is typed.
 * @template T
 * @param {T} value
 * @param {number} [milliseconds]
 * @returns {T}
 */
export function useSettled(value, milliseconds = 250) {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return settled;
}
