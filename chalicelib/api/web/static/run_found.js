// Runs by their ids, of which some may be gone.
import { html } from "preact";
import { ApiError, get, segment } from "./api.js";

/** @typedef {{ runs: Run[], missing: string[] }} FoundRuns `missing`: ids of no run, or of none that may be seen */

/**
 * @param {string[]} ids
 * @param {AbortSignal} signal
 * @returns {Promise<FoundRuns>} in the order of the ids; any other error is thrown
 */
export async function foundRuns(ids, signal) {
  /** @type {string[]} */
  const missing = [];
  const runs = await Promise.all(
    ids.map((id) =>
      get(`api/v1/experiments/runs/${segment(id)}`, {}, signal).catch((error) => {
        if (!(error instanceof ApiError && [400, 403, 404].includes(error.status))) {
          throw error;
        }
        missing.push(id);
        return null;
      }),
    ),
  );
  return { runs: runs.filter((run) => run !== null), missing };
}

/** @param {{ ids: string[] }} props */
export function Missing({ ids }) {
  return (
    ids.length > 0 &&
    html`<p class="notice">Not found, or not to be seen with this key: ${ids.map((id) => html`<code>${id}</code> `)}</p>`
  );
}
