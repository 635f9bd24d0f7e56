// What is loaded for a view: the newest answer wins, and what is shown stays while more comes.
import { useCallback, useEffect, useRef, useState } from "preact";

/**
 * @template T
 * @typedef {object} Loaded
 * @property {T | undefined} data
 * @property {Error | null} error
 * @property {boolean} isLoading
 * @property {() => void} reload
 */

/**
 * Load when one of `deps` changes; an answer that comes too late is dropped. Asked to load again while
 * it loads, it does so afterwards: a slow server still gets to answer.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {unknown[]} deps
 * @param {{ fresh?: boolean }} [how] `fresh`: what answered other deps is not shown meanwhile
 * @returns {Loaded<T>}
 */
export function useData(load, deps, { fresh = false } = {}) {
  const [state, setState] = useState(
    /** @type {{ data: T | undefined, error: Error | null, isLoading: boolean, of: string }} */
    ({ data: undefined, error: null, isLoading: true, of: "" }),
  );
  const [round, setRound] = useState(0);
  const pending = useRef({ isBusy: false, isAsked: false });
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
      (error) => ended((old) => ({ ...old, error, isLoading: false })),
    );
    return () => abort.abort();
  }, [...deps, round]);
  const reload = useCallback(() => {
    if (pending.current.isBusy) {
      pending.current.isAsked = true;
    } else {
      setRound((old) => old + 1);
    }
  }, []);
  const { of, ...found } = state;
  if (of === question) {
    return { ...found, reload };
  }
  return { data: undefined, error: found.isLoading ? null : found.error, isLoading: found.isLoading, reload };
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
