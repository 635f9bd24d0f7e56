// Markdown as the page shows it: made of elements, never of HTML.
import { h, html } from "preact";
import { parseMarkdown } from "./markdown.js";

/**
 * @typedef {import("./markdown.js").Block} Block
 * @typedef {import("./markdown_inline.js").Inline} Inline
 */

/**
 * @param {{ text: string, level?: number }} props `level`: that of its largest headings, so that the
 *   headings of the page stay in order
 */
export function Markdown({ text, level = 2 }) {
  return html`<div class="markdown">${parseMarkdown(text).map((block) => blockView(block, level))}</div>`;
}

/** @param {Block} block @param {number} level @returns {any} */
function blockView(block, level) {
  switch (block.kind) {
    case "heading":
      return h(`h${Math.min(6, block.level + level - 1)}`, null, ...block.children.map(inlineView));
    case "paragraph":
      return html`<p>${block.children.map(inlineView)}</p>`;
    case "code":
      return html`<pre tabindex="0"><code>${block.text}</code></pre>`;
    case "quote":
      return html`<blockquote>${block.blocks.map((one) => blockView(one, level))}</blockquote>`;
    case "rule":
      return html`<hr />`;
    case "list": {
      const items = block.items.map((item) => html`<li>${itemView(item, level)}</li>`);
      return block.start === null ? html`<ul>${items}</ul>` : html`<ol start=${block.start}>${items}</ol>`;
    }
    case "table":
      return html`<div class="scroll">
        <table>
          <thead>
            <tr>
              ${block.head.map((cell, at) => html`<th scope="col" class=${alignClass(block, at)}>${cell.map(inlineView)}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${block.rows.map(
              (row) => html`<tr>
                ${row.map((cell, at) => html`<td class=${alignClass(block, at)}>${cell.map(inlineView)}</td>`)}
              </tr>`,
            )}
          </tbody>
        </table>
      </div>`;
  }
}

/** @param {{ align: string[] }} table @param {number} at */
function alignClass(table, at) {
  const align = table.align[at] ?? "";
  return align === "" ? "" : `align-${align}`;
}

/** The text of an item that is a line has no space around it. @param {Block[]} item @param {number} level */
function itemView(item, level) {
  const [first, ...rest] = item;
  return first?.kind === "paragraph"
    ? [...first.children.map(inlineView), ...rest.map((one) => blockView(one, level))]
    : item.map((one) => blockView(one, level));
}

/** @param {Inline} node @returns {any} */
function inlineView(node) {
  switch (node.kind) {
    case "text":
      return node.text;
    case "code":
      return html`<code>${node.text}</code>`;
    case "break":
      return html`<br />`;
    case "strong":
      return html`<strong>${node.children.map(inlineView)}</strong>`;
    case "emphasis":
      return html`<em>${node.children.map(inlineView)}</em>`;
    case "strike":
      return html`<s>${node.children.map(inlineView)}</s>`;
    case "link":
      return html`<a href=${node.href} rel="noreferrer" target="_blank">${node.children.map(inlineView)}</a>`;
  }
}
