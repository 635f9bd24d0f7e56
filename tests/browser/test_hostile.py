"""What was logged is text: nothing of it runs, loads, or becomes a part of the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, Final
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser.filling_hostile import Hostile
from tests.browser.payloads import ALL, MARKUP, NAMES_OF_OBJECTS, TEMPLATES
from tests.browser.tab import Tab

_FOREIGN: Final = """\
() => {
  // What the page is made of; what its document loads is in its head.
  const known = new Set((
    "a audio bdi blockquote body br button canvas caption circle code col colgroup datalist " +
    "dd defs details dialog div dl dt em fieldset footer form g h1 h2 h3 h4 h5 h6 head " +
    "header hr html i img input label legend li line main mark meta nav noscript ol " +
    "optgroup option output p path polygon polyline pre rect s section select small span " +
    "strong summary svg table tbody td text textarea tfoot th thead time title tr tspan ul " +
    "video"
  ).split(" "));
  const addresses = new Set(
    ["href", "xlink:href", "src", "action", "formaction", "srcdoc", "data", "poster"]);
  const own = ["#", `${location.origin}/`, "assets/", "blob:"];
  const found = [];
  for (const one of document.documentElement.querySelectorAll("*")) {
    const name = one.localName;
    const isLoaded = one.closest("head") !== null && ["base", "link", "script"].includes(name);
    if (!known.has(name) && !isLoaded) found.push(name);
    for (const { name: key, value } of one.attributes) {
      const said = `${name} ${key}=${value}`;
      if (/^on/i.test(key) || /hacked/i.test(key)) found.push(said);
      if ((key === "class" || key === "id") && /hacked/.test(value)) found.push(said);
      const isOurs = own.some((begin) => value.startsWith(begin))
        || (isLoaded && (value === "/" || value.startsWith("data:image/svg+xml,")));
      const isLink = name === "a" && /^(https?|mailto):/.test(value);
      if (addresses.has(key) && !isOurs && !isLink) found.push(said);
    }
  }
  return found;
}"""
_OF_OBJECTS: Final = r"native code|function \w*\(|\[object|undefined|is not a function"
Where = Callable[[Hostile], Iterator[str]]


def _each_file(to: Hostile) -> Iterator[str]:
    for path in to.files:
        yield f"#/runs/{to.runs[0]}/files?file={quote(path, safe='')}"


def _each_run(to: Hostile) -> Iterator[str]:
    for run in to.runs:
        yield f"#/runs/{run}"


def _open_values(to: Hostile) -> Iterator[str]:
    opened = "&".join(f"open={quote(name, safe='')}" for name in to.artifacts)
    yield f"#/experiments/{to.experiment}/artifacts?{opened}"


def _experiments(to: Hostile) -> Iterator[str]:
    yield "#/experiments"
    for slug in to.experiments[:6]:
        yield f"#/experiments/{slug}"
        yield f"#/experiments/{slug}/about"


def _results(to: Hostile) -> Iterator[str]:
    for more in (
        "",
        "?shown=relative&over=1&dimension=place",
        f"?metric={quote(MARKUP[0], safe='')}",
    ):
        yield f"#/experiments/{to.variants}/results{more}"
    yield f"#/experiments/{to.variants}/about"


def _indexed(to: Hostile) -> Iterator[str]:
    yield "#/artifacts"
    yield "#/artifacts?query=hostile%20words"
    for one in to.indexed[:4]:
        yield f"#/artifacts/{one}"


def _addresses(to: Hostile) -> Iterator[str]:
    """Payloads that came with a link."""
    for one in (*MARKUP, *TEMPLATES):
        word = quote(one, safe="")
        yield f"#/experiments?search={word}&tag={word}&stage={word}&{word}={word}"
        yield (
            f"#/experiments/{to.experiment}?filter={word}&columns={word}&sort={word}&group={word}"
            f"&selected={word}"
        )


PAGES: Final[dict[str, Where]] = {
    "experiments": _experiments,
    "runs in groups": lambda to: iter(
        f"#/experiments/{to.experiment}?group={quote(f'tags.{one}', safe='')}" for one in MARKUP[:3]
    ),
    "charts": lambda to: iter(
        [
            f"#/experiments/{to.experiment}/charts",
            f"#/experiments/{to.experiment}/charts?metrics={quote(MARKUP[0], safe='')}",
        ]
    ),
    "compare": lambda to: iter(
        [
            f"#/compare?runs={','.join(to.runs[:4])}",
            f"#/compare?experiment={to.experiment}",
        ]
    ),
    "runs": _each_run,
    "notes": lambda to: iter([f"#/runs/{to.runs[0]}/notes"]),
    "charts of a run": lambda to: iter([f"#/runs/{to.runs[0]}/charts"]),
    "files": _each_file,
    "named values": _open_values,
    "results": _results,
    "indexed artifacts": _indexed,
}


def foreign(tab: Tab) -> Any:
    """Elements and attributes that the page does not make, and what ran."""
    found = tab.page.evaluate(_FOREIGN)
    if tab.page.evaluate("() => window.hacked !== undefined"):
        found.append("window.hacked")
    return found


@pytest.mark.parametrize("name", PAGES)
def test_payloads_are_shown_as_text(hostile_tab: Tab, hostile: Hostile, name: str) -> None:
    hostile_tab.watch.allow("MEDIA_ELEMENT_ERROR|DEMUXER")
    for number, address in enumerate(PAGES[name](hostile)):
        if number == 0:
            hostile_tab.open(address)
        else:
            hostile_tab.go(address)
        assert foreign(hostile_tab) == [], address
        assert not re.search(
            "is not a function|Cannot read prop", hostile_tab.page.inner_text("main")
        )


def test_payloads_in_the_address_are_text_too(hostile_tab: Tab, hostile: Hostile) -> None:
    hostile_tab.watch.allow(r"status of 40[04]")
    hostile_tab.open("#/experiments")
    for address in _addresses(hostile):
        hostile_tab.go(address)
        assert foreign(hostile_tab) == [], address


def test_the_texts_themselves_are_all_there(hostile_tab: Tab, hostile: Hostile) -> None:
    hostile_tab.open(f"#/runs/{hostile.runs[0]}")
    shown = hostile_tab.page.locator("main").evaluate("(one) => one.textContent")
    for one in ALL:
        assert one in shown


def test_what_every_object_has_was_not_logged(hostile_tab: Tab, hostile: Hostile) -> None:
    """The run called "plain" has no metric called constructor; the others have."""
    hostile_tab.open(f"#/runs/{hostile.plain}")
    logged = hostile_tab.page.locator("main table").nth(1).locator("tbody th").all_inner_texts()
    assert set(logged) == set(ALL) - set(NAMES_OF_OBJECTS)


@pytest.mark.parametrize(
    "address",
    [
        "#/compare?runs={runs[0]},{plain}",
        "#/compare?experiment={experiment}",
        "#/experiments/{experiment}?columns=metrics.constructor,params.toString,metrics.__proto__",
        "#/experiments/{experiment}?sort=params.valueOf&group=params.hasOwnProperty",
        "#/experiments/{experiment}/charts?runs={runs[0]},{plain}&metrics=constructor",
        "#/experiments/{experiment}/charts?runs={plain}&metrics=toString",
    ],
)
def test_what_every_object_has_is_nobodys_value(
    hostile_tab: Tab, hostile: Hostile, address: str
) -> None:
    hostile_tab.open(address.format(**asdict(hostile)))
    expect(hostile_tab.page.locator("main .failure")).to_have_count(0)
    assert not re.search(_OF_OBJECTS, hostile_tab.page.inner_text("main"))


def test_notes_of_markdown_keep_links_that_lead_somewhere_and_no_others(
    hostile_tab: Tab, hostile: Hostile
) -> None:
    hostile_tab.open(f"#/runs/{hostile.runs[0]}/notes")
    links = hostile_tab.page.locator(".markdown a")
    for link in links.all():
        assert re.match(r"(https?|mailto):", link.get_attribute("href") or "")
        assert "noreferrer" in (link.get_attribute("rel") or "")
    expect(hostile_tab.page.locator(".markdown img, .markdown [style]")).to_have_count(0)


def test_a_picture_of_somebody_runs_nothing_and_loads_nothing(
    hostile_tab: Tab, hostile: Hostile
) -> None:
    hostile_tab.open(f"#/runs/{hostile.runs[0]}/files?file=picture.svg")
    image = hostile_tab.page.get_by_role("img", name="picture.svg")
    expect(image).to_be_visible()
    assert image.evaluate("(one) => one.localName") == "img"
    # The same file, opened by itself: an attachment, which the browser does not show.
    source = image.get_attribute("src")
    assert source is not None
    with hostile_tab.page.expect_download():
        hostile_tab.page.evaluate("(url) => { location.href = url; }", source)
    assert foreign(hostile_tab) == []


@pytest.mark.parametrize("path", ["page.html", "picture.svg", "script.js"])
def test_bytes_that_a_browser_could_run_are_attachments(
    hostile_tab: Tab, hostile: Hostile, path: str
) -> None:
    answer = hostile_tab.page.request.get(
        f"{hostile_tab.url}/api/v1/experiments/runs/{hostile.runs[0]}/artifacts/content",
        params={"path": path},
        headers={"x-api-key": hostile.key},
    )
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_chart_taken_along_computes_nothing_in_a_spreadsheet(
    hostile_tab: Tab, hostile: Hostile
) -> None:
    formulas = hostile.runs[1:5]
    hostile_tab.open(
        f"#/experiments/{hostile.experiment}/charts?runs={','.join(formulas)}&metrics=constructor"
    )
    hostile_tab.page.get_by_role(
        "heading", name="constructor", exact=True
    ).scroll_into_view_if_needed()
    hostile_tab.settle()
    with hostile_tab.page.expect_download() as caught:
        hostile_tab.page.get_by_role("button", name="CSV of constructor", exact=True).click()
    rows = caught.value.path().read_text().splitlines()
    assert len(rows) > 12
    for row in rows:
        for cell in re.findall(r'(?:^|,)("(?:[^"]|"")*"|[^,]*)', row):
            value = cell.strip('"')
            assert not re.match(r"[=+@]|-\D", value), row


def test_no_policy_lets_a_script_in_even_if_a_text_became_markup(hostile_tab: Tab) -> None:
    """The last line of defence: what would be let in if the page had a hole."""
    hostile_tab.watch.allow("policy:|Content Security Policy|TrustedHTML|Trusted|error:")
    hostile_tab.open("#/experiments")
    tried = hostile_tab.page.evaluate(
        """async () => {
          const done = [];
          const markup = "<img src=x onerror=window.hacked=1>";
          try { document.body.innerHTML = markup; done.push("innerHTML"); } catch {}
          try { (0, eval)("window.hacked = 1"); } catch {}
          const inline = document.createElement("script");
          try { inline.textContent = "window.hacked = 1"; document.body.append(inline); } catch {}
          const button = document.createElement("button");
          try { button.setAttribute("onclick", "window.hacked = 1"); button.click(); } catch {}
          try { await fetch("http://hacked.invalid/"); done.push("fetch"); } catch {}
          return done;
        }"""
    )
    assert tried == []
    hostile_tab.watch.allow("request to another host: http://hacked.invalid/")
