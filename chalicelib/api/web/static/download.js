// A button that fetches bytes to the computer.
import { html, useState } from "preact";
import { plain } from "./format.js";
import { Failure } from "./ui.js";

/**
 * @param {{ url_of: () => Promise<string>, name: string, isPrimary?: boolean, isInRow?: boolean }} props
 *   `url_of` gives an address that needs no key, a new one each time
 */
export function Download({ url_of, name, isPrimary = false, isInRow = false }) {
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  const fetchBytes = async () => {
    try {
      const link = document.createElement("a");
      link.href = await url_of();
      link.download = name.split("/").at(-1) ?? name;
      // another origin may show it instead: then beside this page, not in its place
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      link.click();
      setError(null);
    } catch (refused) {
      setError(/** @type {Error} */ (refused));
    }
  };
  return html`
    <button type="button" class=${isPrimary ? "primary" : isInRow ? "quiet in-row" : ""} onClick=${fetchBytes}>
      Download${isInRow && html`<span class="hidden-label"> ${plain(name)}</span>`}
    </button>
    ${error !== null && html`<${Failure} error=${error} />`}
  `;
}
