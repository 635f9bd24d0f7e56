// A chart's points as a table to take along.
import { csv } from "./csv.js";

/**
 * CSV with one row a point, values to their last digit.
 * @param {Series[]} all
 * @param {Map<string, string>} names of runs by their ids
 */
export function csvOf(all, names) {
  const rows = all.flatMap(({ run_id, key, steps, timestamps, values }) =>
    steps.map((step, at) => [run_id, names.get(run_id), key, step, timestamps[at], values[at]]),
  );
  return `${csv([["run_id", "run", "metric", "step", "timestamp_ms", "value"], ...rows])}\r\n`;
}
