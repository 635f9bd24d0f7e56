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
