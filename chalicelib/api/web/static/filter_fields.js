// How the filter language spells fields and strings.

const BARE = /^[\w.$@:/-]+$/;
const ENTITIES = /** @type {Record<string, string>} */ ({
  metric: "metrics",
  param: "params",
  tag: "tags",
});

/** The attributes that a filter may name, and what is in them. */
export const ATTRIBUTES = /** @type {const} */ ({
  status: "string",
  run_name: "string",
  start_time: "time",
  end_time: "time",
  duration_ms: "number",
  user_id: "string",
  created_by: "string",
  run_id: "string",
});

/**
 * `metrics.loss`, with the key in backticks where it has other signs.
 * @param {string} kind metric, param or tag
 * @param {string} key
 */
export function spelledField(kind, key) {
  return `${ENTITIES[kind] ?? "attributes"}.${BARE.test(key) ? key : `\`${key.replaceAll("`", "``")}\``}`;
}

/** @param {string} text */
export function spelledString(text) {
  return `'${text.replaceAll("'", "''")}'`;
}
