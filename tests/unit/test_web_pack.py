"""Modules of the page in one file."""

from __future__ import annotations

import subprocess

import pytest

from chalicelib.api.web.pack import CannotPack, packed
from tools import node


def pack(**modules: str) -> str:
    sources = {
        ("preact" if name == "preact" else f"./{name}.js"): text for name, text in modules.items()
    }
    return packed("./main.js", sources.__getitem__)


def said(script: str) -> str:
    """What the script says on stdout."""
    done = subprocess.run(
        [*node.NODE, "-e", script], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_what_a_module_exports_is_what_another_imports() -> None:
    script = pack(
        main='import { add, Sum as Total } from "./sums.js";\nimport { ONE } from "./one.js";\n'
        "console.log(add(ONE, 2), new Total().name);",
        sums='import { ONE } from "./one.js";\n\nexport function add(a, b) {\n  return a + b;\n}\n'
        "export class Sum {\n  name = `sum ${ONE}`;\n}\nconst hidden = 1;",
        one="export const ONE = 1;\nexport async function later() {}",
    )
    assert said(script) == "3 sum 1"


def test_each_module_runs_once_and_before_who_needs_it() -> None:
    script = pack(
        main='import { a } from "./a.js";\nimport { b } from "./b.js";\nconsole.log(a, b);',
        a='import { c } from "./c.js";\nexport const a = `a${c()}`;',
        b='import { c } from "./c.js";\nexport const b = `b${c()}`;',
        c="let calls = 0;\nexport const c = () => (calls += 1);",
    )
    assert said(script) == "a1 b2"


def test_a_minified_library_is_a_module_too() -> None:
    script = pack(
        main='import {\n  html,\n  useState,\n} from "preact";\nconsole.log(html(), useState);',
        preact="var e=()=>'h',n=3;export{e as html,n as useState,n};",
    )
    assert said(script) == "h 3"


def test_names_of_one_module_are_not_those_of_another() -> None:
    script = pack(
        main='import { say } from "./a.js";\nconst word = "main";\nconsole.log(word, say());',
        a='const word = "a";\nexport function say() {\n  return word;\n}',
    )
    assert said(script) == "main a"


@pytest.mark.parametrize(
    "module",
    [
        'import * as a from "./a.js";',
        'import a from "./a.js";',
        'import "./a.js";',
        "export default 1;",
        "export let a = 1;",
        'export { a } from "./a.js";\nconsole.log(1);',
        'console.log(1);\nimport { a } from "./a.js";',
        'const text = `\nimport { a } from "./a.js";`;',
        'import a, { b } from "./a.js";',
        "import('./a.js');",
        "const text = `\nexport default 1;`;",
    ],
)
def test_forms_that_are_not_known_are_refused(module: str) -> None:
    with pytest.raises(CannotPack, match=r"\./main\.js: "):
        pack(main=module, a="export const a = 1;")


def test_a_template_may_hold_lines_of_another_language() -> None:
    script = pack(
        main="// What to type.\n/* All\nof it. */\n"
        'import { a } from "./a.js";\nconsole.log(`${a}\nimport trialbook\nexport KEY=1`);',
        a="export const a = 1;",
    )
    assert said(script) == "1\nimport trialbook\nexport KEY=1"


def test_modules_that_import_each_other_are_refused() -> None:
    with pytest.raises(CannotPack, match=r"\./main\.js -> \./a\.js -> \./main\.js"):
        pack(
            main='import { a } from "./a.js";\nexport const b = 1;',
            a='import { b } from "./main.js";\nexport const a = b;',
        )
