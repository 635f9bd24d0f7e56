// What is asked of artifacts, from the address, and why a hit was found, in words. No DOM.
import { counted, number } from "./format.js";

export const MODES = /** @type {const} */ (["hybrid", "lexical", "semantic"]);
export const WINDOWS = /** @type {const} */ ([
  ["1h", "the last hour"],
  ["24h", "the last day"],
  ["7d", "the last week"],
  ["30d", "the last 30 days"],
]);
/** How many are asked for at once, and how many hits a search has at most. */
export const PAGE = 100;
export const MOST_HITS = 1000;

/**
 * @typedef {object} Wanted
 * @property {string} query
 * @property {string} mode
 * @property {string} kind
 * @property {string[]} tags
 * @property {Record<string, string>} labels
 * @property {boolean | null} pinned
 * @property {string} run
 * @property {string} experiment
 * @property {string} since a window such as 7d
 * @property {string} metric
 * @property {"max" | "min"} best
 */

/** @param {URLSearchParams} query @returns {Wanted} */
export function wanted(query) {
  const text = (/** @type {string} */ name) => query.get(name) ?? "";
  const mode = text("mode");
  return {
    query: text("query"),
    mode: MODES.some((one) => one === mode) ? mode : "hybrid",
    kind: text("kind"),
    tags: query.getAll("tag"),
    labels: Object.fromEntries(query.getAll("label").flatMap((one) => labelOf(one) ?? [])),
    pinned: text("pinned") === "" ? null : text("pinned") === "1",
    run: text("run"),
    experiment: text("experiment"),
    since: text("since"),
    metric: text("metric"),
    best: text("best") === "min" ? "min" : "max",
  };
}

/** `team=red` as a pair, in a list of one; null when it is none. @param {string} text @returns {[string, string][] | null} */
export function labelOf(text) {
  const at = text.indexOf("=");
  const [key, value] = [text.slice(0, at).trim(), text.slice(at + 1).trim()];
  return at > 0 && key !== "" && value !== "" ? [[key, value]] : null;
}

/** Whether it is a search, whose hits are ranked and come at once; else it is a list with pages. @param {Wanted} asked */
export function isSearch(asked) {
  return asked.query.trim() !== "" || asked.metric !== "" || asked.since !== "";
}

/** Whether anything at all narrows it. @param {Wanted} asked */
export function isNarrowed(asked) {
  return (
    isSearch(asked) || asked.pinned !== null || asked.tags.length > 0 || Object.keys(asked.labels).length > 0 ||
    [asked.kind, asked.run, asked.experiment].some(Boolean)
  );
}

/** The body of a search. @param {Wanted} asked @param {number} [limit] @returns {Record<string, unknown>} */
export function searchBody(asked, limit = PAGE) {
  const query = asked.query.trim();
  return {
    limit,
    ...(query && { query, mode: asked.mode }),
    ...(asked.metric && { metric: asked.metric, metric_mode: asked.best }),
    ...(asked.since && { time_window: asked.since }),
    ...(asked.tags.length > 0 && { tags: asked.tags }),
    ...(Object.keys(asked.labels).length > 0 && { labels: asked.labels }),
    ...common(asked),
  };
}

/** How many are shown, and in which order. @param {Wanted} asked @param {number} count @param {boolean} isMore */
export function countText(asked, count, isMore) {
  const isAllOfSearch = isSearch(asked) && count >= MOST_HITS;
  const order = asked.query.trim() !== "" || asked.metric !== "" ? "best" : "newest";
  return `${isMore || isAllOfSearch ? "The first " : ""}${counted(count, "artifact")}, ${order} first${isAllOfSearch ? ": narrow the search to see others" : ""}`;
}

/** The query of a list. @param {Wanted} asked @param {string | null} cursor */
export function listQuery(asked, cursor) {
  return {
    limit: PAGE,
    cursor,
    ...(asked.tags.length > 0 && { tags: asked.tags }),
    ...Object.fromEntries(Object.entries(asked.labels).map(([key, value]) => [`label.${key}`, value])),
    ...common(asked),
  };
}

/** @param {Wanted} asked */
function common(asked) {
  return {
    ...(asked.kind && { kind: asked.kind }),
    ...(asked.run && { run_id: asked.run }),
    ...(asked.experiment && { experiment_id: asked.experiment }),
    ...(asked.pinned !== null && { pinned: asked.pinned }),
  };
}

/**
 * Why it was found: `words: street, signs · 2nd by words, 1st by meaning · accuracy 0.93`.
 * @param {ArtifactHit["why"]} why
 */
export function whyText(why) {
  const places = [
    why.lexical && `${ordinal(why.lexical.rank)} by words`,
    why.semantic && `${ordinal(why.semantic.rank)} by meaning`,
  ].filter(Boolean);
  return [
    why.words?.length ? `words: ${why.words.join(", ")}` : "",
    places.join(", "),
    why.metric === undefined || why.value === undefined ? "" : `${why.metric} ${number(why.value)}`,
  ]
    .filter(Boolean)
    .join(" · ");
}

/** @param {number} place 1, 2, ... */
export function ordinal(place) {
  const tens = place % 100;
  const ending = tens >= 11 && tens <= 13 ? "th" : (["th", "st", "nd", "rd"][place % 10] ?? "th");
  return `${place.toLocaleString("en")}${ending}`;
}

/** What is above a file of a directory, folder by folder. @param {{ path: string, size_bytes: number }[]} files
 * @param {string} folder "" is the top
 * @returns {{ folders: { name: string, path: string, files: number, size: number }[], files: { path: string, size_bytes: number }[] }} */
export function level(files, folder) {
  const start = folder === "" ? "" : `${folder}/`;
  /** @type {Map<string, { name: string, path: string, files: number, size: number }>} */
  const folders = new Map();
  const own = [];
  for (const file of files) {
    if (!file.path.startsWith(start)) {
      continue;
    }
    const rest = file.path.slice(start.length);
    const cut = rest.indexOf("/");
    if (cut < 0) {
      own.push(file);
      continue;
    }
    const name = rest.slice(0, cut);
    const known = folders.get(name) ?? { name, path: `${start}${name}`, files: 0, size: 0 };
    folders.set(name, { ...known, files: known.files + 1, size: known.size + file.size_bytes });
  }
  return { folders: [...folders.values()], files: own };
}
