// What to type so that there is something to see.
import { html } from "preact";
import { Code, Empty } from "./ui.js";

/** @param {string} text as Python, JSON and a shell's double quotes spell it */
function quoted(text) {
  return JSON.stringify(text);
}

/** How to get a variant and log what it did. @param {Experiment} experiment */
export function loggingCode(experiment) {
  const metric = Object.keys(experiment.metric_goals)[0] ?? "user_rating";
  const variant = experiment.variants[0]?.key ?? "A";
  const url = `${new URL(".", document.baseURI)}experiment/${experiment.slug}`;
  const body = JSON.stringify({ variantKey: variant, unitId: "user-17", metrics: { [metric]: 4.5 } }).replaceAll("'", "'\\''");
  return {
    python: `import trialbook

with trialbook.Client() as tb:
    test = tb.experiment(${quoted(experiment.slug)})
    user = "user-17"
    variant = test.assign(user).variant  # ${experiment.variants.map((one) => one.key).join(" or ")}
    test.log(variant, unit=user, metrics={${quoted(metric)}: 4.5})`,
    shell: `send() { curl --fail-with-body -sS -u ":$TRIALBOOK_API_KEY" -H content-type:application/json "$@"; }

send "${url}/assign" -d '{"userId": "user-17"}'
send "${url}/log" -d '${body}'`,
  };
}

/** @param {{ experiment: Experiment }} props */
export function Begin({ experiment }) {
  const code = loggingCode(experiment);
  return html`
    <div class="empty">
      <h2>Nothing is logged yet</h2>
      <p>
        ${experiment.status === "draft"
          ? "Start the experiment first: a draft assigns nobody and takes no logs. Then ask which variant a user gets, and log what came of it:"
          : "Ask which variant a user gets, and log what came of it. Results are here a moment later."}
      </p>
      <p class="faint">In Python, where the key is known:</p>
      <${Code} text=${code.python} />
      <p class="faint">By HTTP:</p>
      <${Code} text=${code.shell} />
    </div>
  `;
}

/** An experiment that tests nothing: how it comes to. @param {{ experiment: Experiment }} props */
export function NoVariants({ experiment }) {
  const code = `import trialbook

with trialbook.Client() as tb:
    tb.experiments.update(
        ${quoted(experiment.slug)},
        variants=[{"key": "A", "weight": 50}, {"key": "B", "weight": 50}],
        metric_goals={"user_rating": "max"},
        status="active",
    )`;
  return html`<${Empty} title="This experiment compares no variants" code=${code}>
    <p>Give it variants, and it is an A/B test too. Weights are in percent:</p>
  </${Empty}>`;
}
