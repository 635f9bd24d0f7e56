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
 * Load when one of `deps` changes; an answer that comes too late is dropped.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {unknown[]} deps
 * @returns {Loaded<T>}
 */
export function useData(load, deps) {
  const [state, setState] = useState(
    /** @type {{ data: T | undefined, error: Error | null, isLoading: boolean }} */
    ({ data: undefined, error: null, isLoading: true }),
  );
  const [round, setRound] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    setState((old) => ({ ...old, isLoading: true }));
    load(abort.signal).then(
      (data) => {
        if (!abort.signal.aborted) {
          setState({ data, error: null, isLoading: false });
        }
      },
      (error) => {
        if (!abort.signal.aborted) {
          setState((old) => ({ ...old, error, isLoading: false }));
        }
      },
    );
    return () => abort.abort();
  }, [...deps, round]);
  const reload = useCallback(() => setRound((old) => old + 1), []);
  return { ...state, reload };
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
