// The page's colours for what is drawn on a canvas, which knows no CSS.
import { useEffect, useState } from "preact";

/** @typedef {{ series: string[], ink: string, faint: string, line: string, ground: string }} Palette */

const SERIES = 10;
const FIRST_DASHED = 4;
/** Lines from the fifth on differ in more than their colour. */
const DASHES = [[8, 4], [2, 3], [8, 3, 2, 3], [14, 4], [4, 4], [2, 6], [12, 3, 2, 3, 2, 3]];

/** @returns {Palette} as the page is now */
export function usePalette() {
  const [palette, setPalette] = useState(read);
  useEffect(() => {
    const changed = () => setPalette(read());
    const system = matchMedia("(prefers-color-scheme: dark)");
    addEventListener("trialbook:theme", changed);
    system.addEventListener("change", changed);
    return () => {
      removeEventListener("trialbook:theme", changed);
      system.removeEventListener("change", changed);
    };
  }, []);
  return palette;
}

/** @param {Palette} palette @param {number} index of a run among those shown */
export function colorOf(palette, index) {
  return palette.series[index % SERIES] ?? palette.ink;
}

/** Lengths of strokes and gaps, in pixels of CSS; empty is solid. @param {number} index */
export function dashOf(index) {
  return index < FIRST_DASHED ? [] : (DASHES[(index - FIRST_DASHED) % DASHES.length] ?? []);
}

/** @returns {Palette} */
function read() {
  // an element's colour is computed, for light or dark; that of a variable is not
  const probe = document.body.appendChild(document.createElement("i"));
  const color = (/** @type {string} */ name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const palette = {
    series: Array.from({ length: SERIES }, (_, at) => color(`--series-${at + 1}`)),
    ink: color("--ink"),
    faint: color("--faint"),
    line: color("--line"),
    ground: color("--ground"),
  };
  probe.remove();
  return palette;
}
