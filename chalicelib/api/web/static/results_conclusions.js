// What may be concluded, in words. No DOM.
import { number } from "./format.js";

/** @typedef {"better" | "worse" | "higher" | "lower" | "unclear" | "unknown" | "none" | "harmless" | "harmful"} Verdict */
/** @typedef {{ verdict: Verdict, text: string, note: string }} Conclusion */

const OFTEN = "This holds however often you look.";

/** What a verdict is called beside a picture. @type {Record<Verdict, string>} */
export const VERDICTS = {
  better: "better",
  worse: "worse",
  higher: "higher",
  lower: "lower",
  unclear: "not certain",
  unknown: "not known",
  none: "too little data",
  harmless: "does no harm",
  harmful: "harms",
};

/**
 * What the always-valid interval of a variant says about a metric.
 * @param {object} asked
 * @param {string} asked.name of the metric
 * @param {MetricResult} asked.metric
 * @param {string} asked.variant
 * @param {string} asked.baseline
 * @param {boolean} asked.isRelative in parts of the baseline's mean
 * @param {number} asked.confidence 0 to 1
 * @param {boolean} asked.isOver no more is to come
 * @returns {Conclusion}
 */
export function conclusion(asked) {
  const found = asked.metric.variants[asked.variant];
  const difference = found?.difference ?? null;
  const { low, high } = difference?.always_valid ?? { low: null, high: null };
  if (difference === null || low === null || high === null) {
    return {
      verdict: "none",
      text: `Nothing can be said of ${asked.variant} in ${asked.name}: ${found?.reason ?? "there is too little data"}.`,
      note: "",
    };
  }
  if (asked.metric.role === "guardrail" && difference.guardrail !== null) {
    return guarded(asked, difference.guardrail);
  }
  return compared(asked, difference, low, high);
}

/**
 * @param {Parameters<typeof conclusion>[0]} asked
 * @param {DifferenceResult} difference
 * @param {number} low
 * @param {number} high
 * @returns {Conclusion}
 */
function compared(asked, difference, low, high) {
  const { metric, name, variant, baseline } = asked;
  const shown = shownInterval(difference, asked.isRelative && agrees(difference));
  const adjusted = difference.always_valid.adjusted_p_value;
  if (low <= 0 && high >= 0) {
    const yet = asked.isOver ? "Not shown" : "Not known yet";
    return {
      verdict: "unknown",
      text: `${yet} whether ${variant} differs from ${baseline} in ${name}: the difference is between ${shown.low} and ${shown.high}.`,
      note: "",
    };
  }
  const isUp = low > 0;
  const word = direction(metric, isUp);
  const told = `${variant} is ${word} than ${baseline} in ${name}: ${shown.estimate} (${shown.low} to ${shown.high}).`;
  if (adjusted !== null && adjusted > 1 - asked.confidence) {
    return {
      verdict: "unclear",
      text: `${variant} seems ${word} than ${baseline} in ${name}: ${shown.estimate} (${shown.low} to ${shown.high}).`,
      note: `Not certain: with the number of comparisons on this page taken into account, p is ${probability(adjusted)}. Among so many, one like this may come by chance.`,
    };
  }
  return { verdict: word, text: `${told} ${OFTEN}`, note: "" };
}

/** Near zero the two intervals may not say the same; the verdict is that of the absolute one. @param {DifferenceResult} difference */
function agrees(difference) {
  const side = (/** @type {IntervalResult} */ { low, high }) =>
    low === null || high === null ? NaN : low > 0 ? 1 : high < 0 ? -1 : 0;
  return side(difference.relative_interval) === side(difference.always_valid);
}

/** A goal that was only guessed does not make more better. @param {MetricResult} metric @param {boolean} isUp */
function direction(metric, isUp) {
  if (metric.role === "other" && metric.goal_source === "name") {
    return isUp ? "higher" : "lower";
  }
  return isUp === (metric.goal === "max") ? "better" : "worse";
}

/**
 * @param {Parameters<typeof conclusion>[0]} asked
 * @param {GuardrailResult} guardrail
 * @returns {Conclusion}
 */
function guarded(asked, guardrail) {
  const { name, variant, baseline } = asked;
  const text = (/** @type {number} */ value) =>
    guardrail.kind === "relative" ? share(value) : amount(value);
  const margin = text(guardrail.margin);
  const bound = guardrail.bound;
  if (guardrail.verdict === "inferior") {
    return {
      verdict: "harmful",
      text: `${variant} harms ${name}: it is worse than ${baseline} by more than the margin of ${margin}. ${OFTEN}`,
      note: "",
    };
  }
  if (guardrail.verdict === "non-inferior") {
    const most =
      bound === null || bound <= 0
        ? `it is no worse than ${baseline}`
        : `it is worse than ${baseline} by at most ${text(bound)}, within the margin of ${margin}`;
    return { verdict: "harmless", text: `${variant} does not harm ${name}: ${most}. ${OFTEN}`, note: "" };
  }
  const yet = asked.isOver ? "Not shown" : "Not known yet";
  const upTo = bound === null ? "" : ` it may be worse than ${baseline} by up to ${text(bound)}, and`;
  return {
    verdict: "unknown",
    text: `${yet} whether ${variant} harms ${name}:${upTo} the margin is ${margin}.`,
    note: "",
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
 * Success metrics, guardrails, the others; each in the order of the answer.
 * @param {Record<string, MetricResult>} metrics
 * @returns {{ success: [string, MetricResult][], guardrail: [string, MetricResult][], other: [string, MetricResult][] }}
 */
export function byRole(metrics) {
  const all = Object.entries(metrics);
  return {
    success: all.filter(([, metric]) => metric.role === "success"),
    guardrail: all.filter(([, metric]) => metric.role === "guardrail"),
    other: all.filter(([, metric]) => metric.role === "other"),
  };
}

/**
 * How many units a variant has beside what the weights say.
 * @param {Record<string, { units: number, logs: number }>} exposures
 * @param {{ key: string, weight: number }[]} variants
 * @returns {{ key: string, units: number, logs: number, share: number | null, planned: number | null }[]}
 */
export function shares(exposures, variants) {
  const total = Object.values(exposures).reduce((sum, one) => sum + one.units, 0);
  const keys = [...new Set([...variants.map((one) => one.key), ...Object.keys(exposures)])];
  return keys.map((key) => ({
    key,
    units: exposures[key]?.units ?? 0,
    logs: exposures[key]?.logs ?? 0,
    share: total === 0 ? null : (exposures[key]?.units ?? 0) / total,
    planned: (variants.find((one) => one.key === key)?.weight ?? NaN) / 100 || null,
  }));
}
