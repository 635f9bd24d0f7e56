// The beginning: everything else is imported from here.
import { html, render } from "preact";
import { App } from "./app.js";

const root = document.getElementById("app");
if (root !== null) {
  render(html`<${App} />`, root);
}
