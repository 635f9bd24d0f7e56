// What to type to log a run: the page of an experiment that has none, and "About".
import { html } from "preact";
import { Code } from "./ui.js";

/** @param {{ experiment: Experiment }} props */
export function HowToLog({ experiment }) {
  const { slug } = experiment;
  const url = new URL(".", document.baseURI).href.replace(/\/$/, "");
  return html`<div class="how-to">
    <p>The key is read from the environment: <code>TRIALBOOK_API_KEY</code>.</p>
    <h3>Python</h3>
    <${Code} text=${python(url, slug)} />
    <h3>MLflow's client, unchanged</h3>
    <${Code} text=${mlflow(url, experiment.name)} />
    <h3>Any program that speaks HTTP</h3>
    <${Code} text=${curl(url, slug)} />
  </div>`;
}

/** @param {string} url @param {string} slug */
function python(url, slug) {
  return `import trialbook

tb = trialbook.Client("${url}")
with tb.start_run("${slug}", params={"lr": 0.01}) as run:
    for step in range(100):
        run.log({"loss": 1 / (step + 1)}, step=step)`;
}

/** @param {string} url @param {string} name */
function mlflow(url, name) {
  return `# in the shell, before:
# export MLFLOW_TRACKING_URI=${url}
# export MLFLOW_TRACKING_TOKEN=$TRIALBOOK_API_KEY
import mlflow

mlflow.set_experiment(${JSON.stringify(name)})
with mlflow.start_run():
    mlflow.log_param("lr", 0.01)
    for step in range(100):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)`;
}

/** @param {string} url @param {string} slug */
function curl(url, slug) {
  return `RUNS=${url}/api/v1/experiments/runs
send() {
  curl -sS -u ":$TRIALBOOK_API_KEY" -H content-type:application/json "$@"
}

RUN=$(send $RUNS -d '{"experiment_id": "${slug}"}' | grep -oE '[0-9a-f]{32}' | head -n 1)
send $RUNS/$RUN/log-params -d '{"params": {"lr": 0.01}}'
send $RUNS/$RUN/log-metrics -d '{"metrics": {"loss": 0.5}, "step": 1}'
send -X POST $RUNS/$RUN/end`;
}
