// A question before something that cannot be taken back easily.
import { html, useState } from "preact";
import { Dialog, Failure } from "./ui.js";

/**
 * A button that asks first.
 * @param {{ label: string, title: string, verb: string, act: () => Promise<unknown>, children?: unknown,
 *   isPrimary?: boolean, isQuiet?: boolean, about?: string }} props
 *   `about` tells a screen reader which of several this one is
 */
export function AskedButton({ label, title, verb, act, children, isPrimary = false, isQuiet = false, about = "" }) {
  const [isOpen, setOpen] = useState(false);
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const close = () => {
    setOpen(false);
    setError(null);
  };
  const go = async () => {
    setBusy(true);
    try {
      await act();
      close();
    } catch (refused) {
      setError(/** @type {Error} */ (refused));
    }
    setBusy(false);
  };
  return html`
    <button type="button" class=${isPrimary ? "primary" : isQuiet ? "quiet in-row" : ""} onClick=${() => setOpen(true)}>
      ${label}${about && html`<span class="hidden-label"> ${about}</span>`}
    </button>
    ${isOpen &&
    html`<${Dialog} title=${title} close=${close}>
      ${children}
      ${error !== null && html`<${Failure} error=${error} />`}
      <div class="toolbar">
        <button type="button" class="primary" disabled=${isBusy} onClick=${go}>${verb}</button>
        <button type="button" onClick=${close}>Cancel</button>
      </div>
    </${Dialog}>`}
  `;
}
