// How the differences came to be what they are: the results of the units first seen up to each day.
import { useEffect, useState } from "preact";
import { get, segment } from "./api.js";
import { dayOf, firstDay, sampledDays } from "./results_days.js";

const AT_ONCE = 3;

/** @typedef {{ day: string, results: Results }} DayAnswer */
/** @typedef {{ answers: DayAnswer[], wanted: number, error: Error | null }} Course */

/** @type {Course} */
const NOTHING = { answers: [], wanted: 0, error: null };

/**
 * Results day by day, up to 30 requests with few at a time; nothing is asked while not `isOn`.
 * @param {object} asked
 * @param {Experiment} asked.experiment
 * @param {Record<string, string | null>} asked.query of the results themselves, from and to included
 * @param {number | undefined} asked.days undefined until the results are there
 * @param {boolean} asked.isOn
 * @returns {Course}
 */
export function useCourse({ experiment, query, days, isOn }) {
  const [found, setFound] = useState(NOTHING);
  const isReady = isOn && days !== undefined && days > 0;
  useEffect(() => {
    setFound(NOTHING);
    if (!isReady) {
      return undefined;
    }
    const abort = new AbortController();
    load(experiment, query, days ?? 1, abort.signal, setFound).catch((error) => {
      if (!abort.signal.aborted) {
        setFound((old) => ({ ...old, error }));
      }
    });
    return () => abort.abort();
  }, [experiment.slug, JSON.stringify(query), days, isReady]);
  return found;
}

/**
 * @param {Experiment} experiment
 * @param {Record<string, string | null>} query
 * @param {number} days
 * @param {AbortSignal} signal
 * @param {(next: Course | ((old: Course) => Course)) => void} show
 */
async function load(experiment, query, days, signal, show) {
  const base = `experiment/${segment(experiment.slug)}`;
  const newest = await get(`${base}/logs`, { limit: 1, to: query["to"] }, signal);
  const last = newest.logs.length > 0 ? dayOf(newest.logs[0].timestamp) : dayOf(Date.now());
  const first = firstDay({ from: query["from"] ?? null, startedAt: experiment.started_at, last, days });
  const waiting = sampledDays(first, last);
  show({ answers: [], wanted: waiting.length, error: null });
  const work = async () => {
    for (let day = waiting.shift(); day !== undefined; day = waiting.shift()) {
      const own = day;
      const results = await get(`${base}/results`, { ...query, to: own }, signal);
      show((old) => ({
        ...old,
        answers: [...old.answers, { day: own, results }].sort((a, b) => (a.day < b.day ? -1 : 1)),
      }));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}
