// Makes the page's files as small as they get. Arguments: the folder of the installed packages, and
// a JSON object {"modules": folder, "preact": file, "style": file, "chart": file, "out": folder}.
"use strict";
const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");

const need = createRequire(`${process.argv[2]}/`);
const acorn = need("acorn");
const esbuild = need("esbuild");
const asked = JSON.parse(process.argv[3]);

/** Ranges of the texts in templates of markup, in which white space with a line end means none. */
function markup(code) {
  const found = [];
  const visit = (node) => {
    if (node === null || typeof node !== "object") {
      return;
    }
    if (Array.isArray(node)) {
      node.forEach(visit);
      return;
    }
    if (node.type === "TaggedTemplateExpression" && node.tag.name === "html") {
      found.push(...node.quasi.quasis.map(({ start, end }) => [start, end]));
    }
    Object.values(node).forEach(visit);
  };
  visit(acorn.parse(code, { ecmaVersion: "latest", sourceType: "module" }));
  return found.sort(([a], [b]) => b - a);
}

const pressed = {
  name: "pressed",
  setup(build) {
    build.onResolve({ filter: /^preact$/ }, () => ({ path: asked.preact }));
    build.onLoad({ filter: /\.js$/ }, ({ path }) => {
      let contents = readFileSync(path, "utf8");
      if (path.startsWith(asked.modules)) {
        for (const [start, end] of markup(contents)) {
          const text = contents
            .slice(start, end)
            .replace(/\s*\n\s*/g, "\n")
            .replace(/>\n|\n(?=\/?>|<)/g, (one) => one.trim());
          contents = contents.slice(0, start) + text + contents.slice(end);
        }
      }
      return { contents, loader: "js" };
    });
  },
};

const small = {
  minify: true,
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  logLevel: "error",
};
Promise.all([
  esbuild.build({
    ...small,
    bundle: true,
    format: "esm",
    entryPoints: [`${asked.modules}/main.js`],
    outfile: `${asked.out}/app.js`,
    plugins: [pressed],
  }),
  esbuild.build({ ...small, entryPoints: [asked.style], outfile: `${asked.out}/app.css` }),
  esbuild.build({ ...small, entryPoints: [asked.chart], outfile: `${asked.out}/chart.js` }),
]).catch(() => process.exit(1));
