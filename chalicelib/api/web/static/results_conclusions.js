// What may be concluded, in words. No DOM.
import { number, own, plain } from "./format.js";

/** @typedef {"better" | "worse" | "higher" | "lower" | "unclear" | "unknown" | "none" | "harmless" | "harmful"} Verdict */

/**
 * @typedef {object} Conclusion
 * @property {Verdict} verdict
 * @property {string} word what it is called beside a picture
 * @property {string} text each name in it isolated, see `isolated`
 * @property {string} note
 */

/**
 * @typedef {object} Asked
 * @property {string} name of the metric
 * @property {MetricResult} metric of all units, or of those with a value of the dimension
 * @property {string} variant
 * @property {Results} results
 * @property {boolean} isRelative in parts of the baseline's mean
 * @property {number} rails how many comparisons with a margin are made; none is corrected for the others
 * @property {boolean} [isSplit] one of the values of the dimension
 */

/** As the server's warning has it: with fewer in a variant its intervals are not to be relied on. */
const FEW_UNITS = 10;

/** A name that was logged, so that its direction ends with it: between U+2068 and U+2069. @param {string} name */
export function isolated(name) {
  return `\u2068${plain(name)}\u2069`;
}

/** `95 %`. @param {number} confidence 0 to 1 */
export function level(confidence) {
  return `${Number((100 * confidence).toFixed(4))} %`;
}

/** Days chosen after looking void what is true however often one looks. @param {Results} results */
export function isNarrowed(results) {
  return results.from !== null || results.to !== null;
}

/**
 * What the always-valid interval of a variant says about a metric.
 * @param {Asked} asked
 * @returns {Conclusion}
 */
export function conclusion(asked) {
  const { metric, results } = asked;
  const found = own(metric.variants, asked.variant);
  const difference = found?.difference ?? null;
  const { low, high } = difference?.always_valid ?? { low: null, high: null };
  const variant = isolated(asked.variant);
  const name = isolated(asked.name);
  if (difference === null || low === null || high === null) {
    const reason = found?.reason ?? "there is too little data";
    return { verdict: "none", word: "no interval", text: `Nothing can be said of ${variant} in ${name}: ${reason}.`, note: "" };
  }
  const least = Math.min(found?.units ?? 0, own(metric.variants, results.baseline)?.units ?? 0);
  if (least < FEW_UNITS) {
    return {
      verdict: "none",
      word: "too few units",
      text: `Too few units to conclude anything of ${variant} in ${name}: no interval is to be relied on with fewer than ${FEW_UNITS} in each variant.`,
      note: "",
    };
  }
  const said = {
    metric, variant, name, results,
    baseline: isolated(results.baseline),
    yet: results.status === "completed" ? "Not shown" : "Not known yet",
    sure: `with ${level(results.confidence)} confidence`,
  };
  return metric.role === "guardrail" && difference.guardrail !== null
    ? guarded(said, difference.guardrail, asked.rails)
    : compared(said, difference, low, high, asked);
}

/** @typedef {{ metric: MetricResult, variant: string, name: string, results: Results, baseline: string, yet: string, sure: string }} Said */

/** Under which conditions. @param {Results} results */
function holds(results) {
  const often = isNarrowed(results) ? "" : " however often you look";
  const unless = results.warnings.some((one) => one.code === "logs_without_unit")
    ? ", provided that no two of the logs without a unit are of the same one" : "";
  return often || unless ? ` This holds${often}${unless}.` : "";
}

/**
 * @param {Said} said
 * @param {DifferenceResult} difference
 * @param {number} low
 * @param {number} high
 * @param {Asked} asked
 * @returns {Conclusion}
 */
function compared(said, difference, low, high, { isRelative, isSplit }) {
  const { metric, name, variant, baseline, results, sure } = said;
  const shown = shownInterval(difference, isRelative);
  const between = `${shown.low} to ${shown.high}`;
  if (low <= 0 && high >= 0) {
    return {
      verdict: "unknown",
      word: "not known",
      text: `${said.yet} whether ${variant} differs from ${baseline} in ${name}: ${shown.estimate} (${between}, ${sure}).`,
      note: "",
    };
  }
  const word = direction(metric, low > 0);
  const told = `than ${baseline} in ${name}`;
  const adjusted = difference.always_valid.adjusted_p_value;
  if (adjusted !== null && adjusted <= 1 - results.confidence) {
    return {
      verdict: word,
      word,
      text: `${variant} is ${word} ${told}, ${sure}: ${shown.estimate} (${between}).${holds(results)}`,
      note: "",
    };
  }
  const among = `all ${metric.goal_source === "name" ? "" : "success "}metrics${isSplit ? ", variants and values" : " and variants"}`;
  return {
    verdict: "unclear",
    word: `seems ${word}`,
    text: `${variant} seems ${word} ${told}: ${shown.estimate} (${between}).`,
    note: adjusted === null
      ? "Not certain: it is not corrected for how many metrics and variants are looked at, and one like this may come by chance."
      : `Not certain: with ${among} taken into account, p is ${probability(adjusted)}. Among so many, one like this may come by chance.`,
  };
}

/** A goal that was only guessed does not make more better. @param {MetricResult} metric @param {boolean} isUp */
function direction(metric, isUp) {
  if (metric.goal_source === "name") {
    return isUp ? "higher" : "lower";
  }
  return isUp === (metric.goal === "max") ? "better" : "worse";
}

/** Near zero the two intervals may not say the same, and percents would belie the verdict. @param {MetricResult} metric */
export function percentsAgree(metric) {
  const side = (/** @type {IntervalResult} */ { low, high }) =>
    low === null || high === null ? NaN : low > 0 ? 1 : high < 0 ? -1 : 0;
  return Object.values(metric.variants).every(
    ({ difference }) => difference === null || Object.is(side(difference.relative_interval), side(difference.always_valid)),
  );
}

/**
 * @param {Said} said
 * @param {GuardrailResult} guardrail
 * @param {number} rails
 * @returns {Conclusion}
 */
function guarded(said, guardrail, rails) {
  const { metric, name, variant, baseline, results, sure } = said;
  const text = (/** @type {number} */ value) => (guardrail.kind === "relative" ? share(value) : amount(value));
  const margin = `the margin of ${text(guardrail.margin)}`;
  const { bound, verdict } = guardrail;
  const isGuessed = metric.goal_source === "name";
  const supposed = isGuessed ? `supposing that ${metric.goal === "max" ? "more" : "less"} is better, ` : "";
  if (verdict === "undecided") {
    const upTo = bound === null ? "" : `it may be worse than ${baseline} by up to ${text(bound)} (${sure}), beside `;
    return { verdict: "unknown", word: "not known", text: `${said.yet} whether ${variant} harms ${name}: ${supposed}${upTo}${margin}.`, note: "" };
  }
  const isHarm = verdict === "inferior";
  const isSure = !isGuessed && rails <= 1;
  const does = isHarm ? (isSure ? "harms" : "may harm") : isSure ? "does not harm" : "seems not to harm";
  const most = isHarm
    ? `worse than ${baseline} by more than ${margin}`
    : bound === null || bound <= 0
      ? `no worse than ${baseline}`
      : `at most ${text(bound)} worse than ${baseline}, within ${margin}`;
  return {
    verdict: !isSure ? "unclear" : isHarm ? "harmful" : "harmless",
    word: isHarm ? does : isSure ? "does no harm" : "seems harmless",
    text: `${variant} ${does} ${name}: ${supposed}it is ${most}, ${sure}.${isSure ? holds(results) : ""}`,
    note: rails > 1 ? `This is one of ${rails} comparisons with a margin, not corrected for each other: one like it may come by chance.` : "",
  };
}

/**
 * The always-valid interval and its estimate as texts.
 * @param {DifferenceResult} difference
 * @param {boolean} isRelative
 */
export function shownInterval(difference, isRelative) {
  const { low, high } = isRelative ? difference.relative_interval : difference.always_valid;
  const text = isRelative ? signedShare : signed;
  return {
    estimate: text(isRelative ? difference.relative : difference.absolute),
    low: text(low),
    high: text(high),
  };
}

/** Three digits and the sign: +0.153. @param {number | null | undefined} value */
export function signed(value) {
  return value === null || value === undefined ? "–" : `${value > 0 ? "+" : ""}${amount(value)}`;
}

/** To a tenth of a percent: −4.8 %. @param {number | null | undefined} value */
export function signedShare(value) {
  return value === null || value === undefined ? "–" : `${value > 0 ? "+" : ""}${share(value)}`;
}

/** More digits are noise. @param {number} value */
function amount(value) {
  return number(Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(3)));
}

/** @param {number} part */
function share(part) {
  const percents = 100 * part;
  const text = Math.abs(percents) < 0.1 ? String(Number(percents.toPrecision(1))) : percents.toFixed(1);
  return `${text.replace("-", "−")} %`;
}

/** Never certain: `> 99.9 %`. @param {number | null | undefined} part */
export function chance(part) {
  if (part === null || part === undefined) {
    return "–";
  }
  return part > 0.999 ? "> 99.9 %" : part < 0.001 ? "< 0.1 %" : `${(100 * part).toFixed(1)} %`;
}

/** @param {number | null | undefined} p */
export function probability(p) {
  if (p === null || p === undefined) {
    return "–";
  }
  return p < 0.0001 ? "< 0.0001" : String(Number(p.toPrecision(2)));
}

/**
 * Success metrics, guardrails, and those of which nobody said which way is better; each in the order of
 * the answer.
 * @param {Record<string, MetricResult>} metrics
 * @returns {{ success: [string, MetricResult][], guardrail: [string, MetricResult][], other: [string, MetricResult][] }}
 */
export function byRole(metrics) {
  const role = (/** @type {MetricResult} */ metric) =>
    metric.role === "success" && metric.goal_source === "name" ? "other" : metric.role;
  const of = (/** @type {string} */ wanted) => Object.entries(metrics).filter(([, metric]) => role(metric) === wanted);
  return { success: of("success"), guardrail: of("guardrail"), other: of("other") };
}

/**
 * How many units a variant has beside what the weights say.
 * @param {Record<string, { units: number, logs: number }>} exposures
 * @param {{ key: string, weight: number }[]} variants
 * @returns {{ key: string, units: number, logs: number, share: number | null, planned: number | null }[]}
 */
export function shares(exposures, variants) {
  const total = Object.values(exposures).reduce((sum, one) => sum + one.units, 0);
  const known = new Map(variants.map((one) => [one.key, one.weight]));
  const keys = [...new Set([...known.keys(), ...Object.keys(exposures)])];
  return keys.map((key) => ({
    key,
    units: own(exposures, key)?.units ?? 0,
    logs: own(exposures, key)?.logs ?? 0,
    share: total === 0 ? null : (own(exposures, key)?.units ?? 0) / total,
    planned: known.has(key) ? (known.get(key) ?? 0) / 100 : null,
  }));
}
