"""What the page spells in the filter language is what the server reads."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Final

import pytest

from chalicelib.domain.filter_parser import Field, parse_clauses, parse_order
from tools import node

FIELDS: Final = (
    Path(__file__).parents[2] / "chalicelib" / "api" / "web" / "static" / "filter_fields.js"
)
TEXTS: Final = (
    "loss", "val/loss", "val loss", "a.b", "a`b", "``", 'a"b', "it's", "a,b", "größe", "损失",
    " x ", "a-b", "1", "$x:@y", "AND", "a\nb", "🙂",
)  # fmt: skip
PROGRAM: Final = """
const { spelledField, spelledString } = await import(process.argv[1]);
const texts = JSON.parse(process.argv[2]);
const all = texts.map((text) => [text, spelledField("metric", text), spelledString(text)]);
console.log(JSON.stringify(all));
"""


@pytest.mark.integration
def test_any_key_and_any_text_are_read_as_they_were_meant() -> None:
    options = ["--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", "--input-type=module"]
    given = [FIELDS.as_uri(), json.dumps(TEXTS)]
    done = subprocess.run(
        [*node.NODE, *options, "--eval", PROGRAM, *given],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for text, field, string in json.loads(done.stdout):
        (number, name) = parse_clauses(f"{field} < 1 AND params.a = {string}")
        assert number.field == Field("metric", text)
        assert name.value == text
        assert parse_order(f"{field} DESC", "order_by") == (Field("metric", text), True)
