"""The document of the page, and what a browser may do with it."""

from __future__ import annotations

from html import escape
from typing import Final

from chalicelib.api.web.assets import Assets

ICON: Final = (
    "data:image/svg+xml,"
    "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Crect width='16' height='16' rx='3' fill='%232557d6'/%3E"
    "%3Cpath d='M3 12 6.5 7 9 9.5 13 4' stroke='%23fff' stroke-width='1.8' fill='none'/%3E"
    "%3C/svg%3E"
)
_DOCUMENT: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<base href="{base}">
<title>Trialbook</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<meta name="trialbook-chart" content="assets/{chart}">
<link rel="icon" href="{icon}">
<link rel="stylesheet" href="assets/{style}">
<script type="module" src="assets/{script}"></script>
</head>
<body>
<div id="app"></div>
<noscript>This page needs JavaScript. Everything on it is also at the HTTP API.</noscript>
</body>
</html>
"""


def document(assets: Assets, prefix: str) -> str:
    """`prefix` is the stage that comes before every path."""
    return _DOCUMENT.format(
        base=escape(f"{prefix}/"),
        icon=ICON,
        style=assets.style.name,
        script=assets.script.name,
        chart=assets.chart.name,
    )


def policy(bytes_origin: str) -> str:
    """Nothing inline, nothing from elsewhere but the bytes of artifacts, from `bytes_origin`."""
    bytes_from = f"'self' {bytes_origin}"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src {bytes_from} data:",
            f"media-src {bytes_from}",
            f"connect-src {bytes_from}",
            "base-uri 'self'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types trialbook",
        )
    )
