"""Texts that would run, load or break out of where they stand, were they more than text.

What they would make is named: elements and attributes have `hacked` in their names or classes, what
they load is at `hacked.invalid`, what they run sets `window.hacked` or asks.
"""

from __future__ import annotations

from typing import Final

MARKUP: Final = (
    "<script>window.hacked=1</script>",
    "<img src=//hacked.invalid/a onerror=window.hacked=1 class=hacked>",
    "<svg/onload=window.hacked=1 class=hacked>",
    "</script><script>alert('hacked')</script>",
    "\"><b class='hacked' onmouseover=alert(1)>",
    "' autofocus onfocus=window.hacked=1 class='hacked",
    "<iframe srcdoc='<script>top.hacked=1</script>' class=hacked></iframe>",
    "<style>@import '//hacked.invalid/a.css';</style>",
    "<base href=//hacked.invalid/>",
    "<math><mtext><table><mglyph><style><img src=x onerror=window.hacked=1>",
    "--><!--<hacked-element>",
    "&lt;img src=x onerror=window.hacked=1&gt;",
    "</title></textarea></noscript><hacked-element>",
)
TEMPLATES: Final = (
    "${window.hacked=1}",
    "{{constructor.constructor('window.hacked=1')()}}",
    "#{7*7}<%= window.hacked=1 %>",
    "javascript:window.hacked=1",
    "data:text/html,<script>top.hacked=1</script>",
    "//hacked.invalid/x",
    "url(//hacked.invalid/a.png)",
    "#/experiments?key=`${window.hacked=1}`",
    "%3Cscript%3Ewindow.hacked=1%3C/script%3E",
)
FORMULAS: Final = (
    '=HYPERLINK("https://hacked.invalid","x")',
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)",
)
UNICODE: Final = (
    "\u202eeman siht\u202c",  # turned around
    "a\u0301\u0300\u0302" * 8,
    "\ufeff\u200b\u2066invisible\u2069",
    "\uff1cscript\uff1ewindow.hacked=1\uff1c/script\uff1e",
    "💥\U0001f469\u200d\U0001f4bb",
    "ş\u017f\u212a İ",
)
NAMES_OF_OBJECTS: Final = ("__proto__", "constructor", "toString", "hasOwnProperty", "valueOf")
"""What every object of JavaScript has, although nobody logged it."""
ALL: Final = (*MARKUP, *TEMPLATES, *FORMULAS, *UNICODE, *NAMES_OF_OBJECTS)

MARKDOWN: Final = "\n\n".join(
    [
        "# <img src=//hacked.invalid/h onerror=window.hacked=1 class=hacked>",
        *MARKUP,
        "[click](javascript:window.hacked=1)",
        "[click](  JaVaScRiPt:alert(1) 'title')",
        "[click](java\u0000script:alert(1)) [tab](java&#x09;script:alert(1))".replace("\u0000", ""),
        "[data](data:text/html,<script>top.hacked=1</script>)",
        "[vb](vbscript:msgbox(1)) [file](file:///etc/passwd)",
        "![image](//hacked.invalid/a.png) ![js](javascript:window.hacked=1)",
        '![x](x"onerror="window.hacked=1)',
        '<javascript:alert(1)> <https://example.org/"onmouseover="alert(1)>',
        "[ref]: javascript:alert(1)\n[ref]",
        '[a](https://example.org/"class="hacked)',
        "`<script>window.hacked=1</script>`",
        "```html\n</code></pre><script>window.hacked=1</script>\n```",
        "| <b class=hacked> | a |\n| --- | --- |\n"
        "| <script>alert(1)</script> | [x](javascript:alert(1)) |",
        "> <object data=//hacked.invalid/o class=hacked></object>",
        "- <a href=javascript:alert(1) class=hacked>x</a>",
        "&#60;script&#62;alert(1)&#60;/script&#62;",
    ]
)
HTML: Final = f"<!doctype html><html><body>{''.join(MARKUP)}</body></html>"
SVG: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="40"
  height="40" onload="top.hacked=1"><script>top.hacked=1; alert(1)</script>
  <image xlink:href="http://hacked.invalid/a.png" width="10" height="10"/>
  <foreignObject width="40" height="40">
    <iframe xmlns="http://www.w3.org/1999/xhtml" src="http://hacked.invalid/"/>
  </foreignObject><rect width="40" height="40" fill="red"/></svg>
"""
