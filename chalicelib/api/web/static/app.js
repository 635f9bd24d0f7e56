// The frame: the key, the way around, and which view the address names.
import { html, useEffect, useErrorBoundary, useRef, useState } from "preact";
import { get, isKey, key, setKey } from "./api.js";
import { ArtifactsView } from "./artifacts.js";
import { CompareView } from "./compare.js";
import { ExperimentView } from "./experiment.js";
import { ExperimentsView } from "./experiments.js";
import { href, usePlace } from "./router.js";
import { RunView } from "./run.js";
import { Empty, Failure, useTitle } from "./ui.js";

const THEME = "trialbook.theme";

/** All of the page. */
export function App() {
  const place = usePlace();
  // A key that is refused leaves the view, and what is typed in it, below the question for another.
  const [state, setState] = useState(() => ({ isOpen: key() !== null, isRefused: false }));
  useEffect(() => {
    const changed = (/** @type {any} */ { detail: { isRefused } }) =>
      setState((old) => ({ isOpen: key() !== null || (isRefused && old.isOpen), isRefused }));
    addEventListener("trialbook:key", changed);
    return () => removeEventListener("trialbook:key", changed);
  }, []);
  const main = useFocused(`${state.isOpen} ${place.path.join("/")}`);
  return html`
    <p id="view-title" class="hidden-label" role="status"></p>
    <a class="skip" href="#content" onClick=${toContent}>Skip to the content</a>
    <header class="top">
      <a class="brand" href=${href([])}>Trialbook</a>
      <nav aria-label="Main">
        <${NavLink} to=${["experiments"]} place=${place}>Experiments</${NavLink}>
        <${NavLink} to=${["artifacts"]} place=${place}>Artifacts</${NavLink}>
      </nav>
      <div class="top-end">
        <${Theme} />
        ${state.isOpen &&
        html`<button type="button" class="quiet" onClick=${() => setKey(null)}>Forget the key</button>`}
      </div>
    </header>
    <main id="content" tabindex="-1" ref=${main}>
      ${state.isOpen
        ? html`<${Guarded} key=${place.path.join("/")}><${View} place=${place} /></${Guarded}>`
        : html`<${KeyForm} />`}
    </main>
    ${state.isOpen && state.isRefused && html`<${KeyDialog} />`}
  `;
}

/**
 * The keyboard goes on at the beginning of another view, unless something in it has taken the focus.
 * @param {string} view tells one from another
 */
function useFocused(view) {
  const main = useRef(/** @type {HTMLElement | null} */ (null));
  const before = useRef(view);
  useEffect(() => {
    if (before.current !== view) {
      before.current = view;
      if (!main.current?.contains(document.activeElement)) {
        main.current?.focus({ preventScroll: true });
      }
    }
  }, [view]);
  return main;
}

/** Above what is open, which can be neither seen nor used until there is a key. */
function KeyDialog() {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const show = () => box.current?.showModal();
  useEffect(() => {
    const dialog = box.current;
    show();
    // Closed before it goes, so that the focus is again where it was.
    return () => dialog?.close();
  }, []);
  return html`<dialog ref=${box} class="key-again" aria-label="Your API key" closedby="none" onClose=${show}>
    <p class="notice" role="alert">The key is no longer valid. With a valid one you go on where you are: nothing of what you typed is lost.</p>
    <${KeyForm} />
  </dialog>`;
}

/** @param {{ place: import("./router.js").Place }} props */
function View({ place }) {
  const [first, second] = place.path;
  if (first === undefined || (first === "experiments" && second === undefined)) {
    return html`<${ExperimentsView} place=${place} />`;
  }
  switch (first) {
    case "experiments":
      return html`<${ExperimentView} place=${place} />`;
    case "runs":
      return html`<${RunView} place=${place} />`;
    case "compare":
      return html`<${CompareView} place=${place} />`;
    case "artifacts":
      return html`<${ArtifactsView} place=${place} />`;
    default:
      return html`<${Empty} title="There is no such page">
        <p>The link may not be whole. <a href=${href([])}>All experiments</a></p>
      </${Empty}>`;
  }
}

/** A mistake of ours in one view leaves the rest of the page usable. @param {any} props */
function Guarded({ children }) {
  const [error, reset] = useErrorBoundary();
  return error ? html`<${Failure} error=${error} retry=${reset} />` : children;
}

/** @param {{ to: string[], place: import("./router.js").Place, children?: unknown }} props */
function NavLink({ to, place, children }) {
  const isHere = (place.path[0] ?? "experiments") === to[0];
  return html`<a href=${href(to)} aria-current=${isHere ? "true" : undefined}>${children}</a>`;
}

/** @param {Event} event */
function toContent(event) {
  event.preventDefault();
  document.getElementById("content")?.focus();
}

/** The key is pasted once, and forgotten with the tab. */
function KeyForm() {
  useTitle("");
  const [text, setText] = useState("");
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const given = text.trim();
    if (!isKey(given)) {
      setError(new Error("this is not a key: one begins with tb_ and has letters and digits of the Latin alphabet, _ and -"));
      return;
    }
    setBusy(true);
    sessionStorage.setItem("trialbook.key", given);
    try {
      await get("api/v1/experiments", { limit: 1 });
      setKey(given);
    } catch (refused) {
      sessionStorage.removeItem("trialbook.key");
      setError(/** @type {Error} */ (refused));
      setBusy(false);
    }
  };
  return html`
    <form class="key" onSubmit=${submit}>
      <h1>Your API key</h1>
      <p>
        It is kept in this browser tab and forgotten when the tab is closed. On a
        laptop it is in <code>.trialbook/api-key</code>; of a deployment an administrator makes one.
      </p>
      <label for="api-key">Key</label>
      <input
        id="api-key"
        type="password"
        autocomplete="off"
        spellcheck=${false}
        placeholder="tb_…"
        value=${text}
        onInput=${(/** @type {any} */ event) => setText(event.target.value)}
      />
      ${error !== null && html`<${Failure} error=${error} />`}
      <button type="submit" class="primary" disabled=${isBusy}>Open</button>
    </form>
  `;
}

/** Light or dark: as the computer has it, until somebody says otherwise here. */
function Theme() {
  const [theme, setTheme] = useState(() => localStorage.getItem(THEME) ?? "");
  const isDark = theme === "" ? matchMedia("(prefers-color-scheme: dark)").matches : theme === "dark";
  useEffect(() => {
    if (theme === "") {
      delete document.documentElement.dataset["theme"];
    } else {
      document.documentElement.dataset["theme"] = theme;
      localStorage.setItem(THEME, theme);
    }
    dispatchEvent(new CustomEvent("trialbook:theme"));
  }, [theme]);
  return html`<button
    type="button"
    class="quiet"
    onClick=${() => setTheme(isDark ? "light" : "dark")}
    aria-label=${isDark ? "Light colours" : "Dark colours"}
    title=${isDark ? "Light colours" : "Dark colours"}
  >
    ${isDark ? "☀" : "☾"}
  </button>`;
}
