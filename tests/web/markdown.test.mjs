import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMarkdown } from "../../chalicelib/api/web/static/markdown.js";
import { inlines, safeAddress } from "../../chalicelib/api/web/static/markdown_inline.js";

const text = (value) => ({ kind: "text", text: value });
const plain = (nodes) => nodes.map((node) => node.text ?? plain(node.children ?? [])).join("");
const kinds = (source) => parseMarkdown(source).map((block) => block.kind);

test("headings, paragraphs and rules", () => {
  assert.deepEqual(parseMarkdown("# One #\ntwo\nthree\n\n---\n###### six"), [
    { kind: "heading", level: 1, children: [text("One")] },
    { kind: "paragraph", children: [text("two\nthree")] },
    { kind: "rule" },
    { kind: "heading", level: 6, children: [text("six")] },
  ]);
  assert.deepEqual(kinds("#hashtag"), ["paragraph"]);
});

test("a fence keeps its text, and one that is not closed takes the rest", () => {
  assert.deepEqual(parseMarkdown("```python\n# not a heading\n\n  x\n```\nend"), [
    { kind: "code", language: "python", text: "# not a heading\n\n  x" },
    { kind: "paragraph", children: [text("end")] },
  ]);
  assert.deepEqual(parseMarkdown("~~~\n*x*"), [{ kind: "code", language: "", text: "*x*" }]);
});

test("lists nest, and count from where they begin", () => {
  const [list] = parseMarkdown("3. a\n   - b\n     - c\n   - d\n4. e");
  assert.equal(list.kind, "list");
  assert.equal(list.start, 3);
  assert.equal(list.items.length, 2);
  const [, inner] = list.items[0];
  assert.equal(inner.kind, "list");
  assert.equal(inner.start, null);
  assert.equal(inner.items.length, 2);
  assert.equal(inner.items[0][1].items.length, 1);
});

test("a list ends where another kind of sign begins one", () => {
  assert.deepEqual(kinds("- a\n* b\n\n1. c"), ["list", "list", "list"]);
});

test("a table takes its alignment, and its rows are no wider than its head", () => {
  const [table] = parseMarkdown("| a | b | c |\n|:--|--:|:-:|\n| 1 | 2 \\| 3 |\n| 4 | 5 | 6 | 7 |");
  assert.deepEqual(table.align, ["left", "right", "center"]);
  assert.deepEqual(table.rows.map((row) => row.map(plain)), [["1", "2 | 3"], ["4", "5", "6"]]);
});

test("a line with a bar and no division is a paragraph", () => {
  assert.deepEqual(kinds("a | b\nc | d"), ["paragraph"]);
});

test("quotes hold blocks", () => {
  const [quote] = parseMarkdown("> # a\n> - b");
  assert.deepEqual(quote.blocks.map((block) => block.kind), ["heading", "list"]);
});

test("emphasis, and signs that are none", () => {
  assert.deepEqual(inlines("**a *b* c**"), [
    { kind: "strong", children: [text("a "), { kind: "emphasis", children: [text("b")] }, text(" c")] },
  ]);
  assert.deepEqual(inlines("snake_case_name 2 * 3 * 4"), [text("snake_case_name 2 * 3 * 4")]);
  assert.deepEqual(inlines("~~x~~ \\*y\\*"), [{ kind: "strike", children: [text("x")] }, text(" *y*")]);
});

test("code keeps its signs", () => {
  assert.deepEqual(inlines("``a ` *b*``"), [{ kind: "code", text: "a ` *b*" }]);
  assert.equal(plain(inlines("`a")), "`a");
});

test("links lead to http, https and mailto, nowhere else", () => {
  for (const address of ["http://a.example", "https://a.example/b?c=d#e", "mailto:ada@example.org"]) {
    assert.equal(safeAddress(address), address);
    assert.deepEqual(inlines(`[x](${address})`), [{ kind: "link", href: address, children: [text("x")] }]);
  }
  for (const address of [
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,x",
    "vbscript:x", "file:///etc", "//a.example", "/here", "https:", "x",
  ]) {
    assert.equal(safeAddress(address), null);
    assert.ok(inlines(`[x](${address})`).every((node) => node.kind !== "link"), address);
    assert.ok(inlines(`<${address}>`).every((node) => node.kind !== "link"), address);
  }
});

test("addresses in the text are links, without what ends the sentence", () => {
  assert.deepEqual(inlines("see https://a.example/b."), [
    text("see "),
    { kind: "link", href: "https://a.example/b", children: [text("https://a.example/b")] },
    text("."),
  ]);
});

test("a picture is a link to it", () => {
  assert.deepEqual(inlines("![plot](https://a.example/p.png)"), [
    { kind: "link", href: "https://a.example/p.png", children: [text("plot")] },
  ]);
});

test("HTML is text", () => {
  assert.deepEqual(parseMarkdown("<script>alert(1)</script>"), [
    { kind: "paragraph", children: [text("<script>alert(1)</script>")] },
  ]);
});

test("two spaces at the end of a line break it", () => {
  assert.deepEqual(inlines("a  \nb"), [text("a"), { kind: "break" }, text("b")]);
});

test("signs that are repeated without end are read to the end", () => {
  for (const sign of ["[", "*", "_", "`", "> ", "- ", "**a", "[a](", "<", "![", "~~", "|", "*a _b "]) {
    const source = sign.repeat(5_000);
    assert.ok(parseMarkdown(source).length > 0, sign);
  }
});

test("a heading may be closed by its signs", () => {
  for (const [source, text] of [["# a #", "a"], ["## a b ###  ", "a b"], ["# a#", "a#"], ["# #", ""], ["#", ""], ["# a # b", "a # b"]]) {
    assert.equal(plain(parseMarkdown(source)[0].children), text, source);
  }
  assert.equal(parseMarkdown("#a")[0].kind, "paragraph");
});

test("what is written to take long takes no more than its length", () => {
  const hostile = {
    address: (n) => `http://x${")".repeat(n)}a`,
    heading: (n) => `# x${" ".repeat(n)}y`,
    signs: (n) => `# x ${"# ".repeat(n / 2)}y`,
    division: (n) => `a|b\n-${" ".repeat(n)}x`,
    rule: (n) => `*${" ".repeat(n)}x`,
    table: (n) => `${"a|".repeat(n / 8)}\n${"-|".repeat(n / 8)}\n${"|\n".repeat(n / 4)}`,
    fences: (n) => Array.from({ length: Math.floor(Math.sqrt(2 * n)) }, (_, at) => "`".repeat(at + 1)).join("a"),
    quotes: (n) => "> ".repeat(n / 2),
  };
  const spent = (source) => {
    const { user } = process.cpuUsage();
    parseMarkdown(source);
    return process.cpuUsage().user - user;
  };
  for (const [kind, make] of Object.entries(hostile)) {
    spent(make(1000));
    const [less, more] = [spent(make(64_000)), spent(make(256_000))];
    // 16 times as much if it went by the square
    assert.ok(more < 10 * Math.max(less, 20_000), `${kind}: ${less} and ${more} µs`);
  }
});
