// Charts to take along.

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
