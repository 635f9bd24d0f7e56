// Charts to take along: a picture with its title and its runs.
import { colorOf, dashOf } from "./chart_theme.js";

const LINE = 20;
const EDGE = 12;

/**
 * Hand a file to the person who looks at the page. @param {Blob} blob @param {string} name
 */
export function save(blob, name) {
  const link = document.createElement("a");
  const url = URL.createObjectURL(blob);
  link.href = url;
  link.download = name.replaceAll(/[^\p{L}\p{N}._-]+/gu, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/**
 * @param {HTMLCanvasElement} drawn
 * @param {string} title
 * @param {{ name: string, index: number }[]} runs
 * @param {import("./chart_theme.js").Palette} palette
 * @returns {Promise<Blob>} PNG, as many pixels to an inch as the screen has
 */
export function picture(drawn, title, runs, palette) {
  const ratio = devicePixelRatio;
  const canvas = document.createElement("canvas");
  canvas.width = drawn.width + 2 * EDGE * ratio;
  canvas.height = drawn.height + ((runs.length + 2) * LINE + 2 * EDGE) * ratio;
  const context = canvas.getContext("2d");
  if (context === null) {
    return Promise.reject(new Error("this browser cannot draw the picture"));
  }
  context.fillStyle = palette.ground;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(drawn, EDGE * ratio, (EDGE + LINE) * ratio);
  context.scale(ratio, ratio);
  context.fillStyle = palette.ink;
  context.font = "600 14px system-ui, sans-serif";
  context.fillText(title, EDGE, EDGE + 12);
  context.font = "12px system-ui, sans-serif";
  runs.forEach(({ name, index }, place) => {
    const y = EDGE + LINE + drawn.height / ratio + (place + 1) * LINE;
    context.strokeStyle = colorOf(palette, index);
    context.lineWidth = 2;
    context.setLineDash(dashOf(index));
    context.beginPath();
    context.moveTo(EDGE, y - 4);
    context.lineTo(EDGE + 26, y - 4);
    context.stroke();
    context.fillText(name, EDGE + 34, y);
  });
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob === null ? reject(new Error("this browser cannot make the picture")) : resolve(blob)), "image/png"),
  );
}
