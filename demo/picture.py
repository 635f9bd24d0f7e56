"""What the demo shows: a confusion matrix as PNG, and in plain text a table and a curve."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw, ImageFont

CELL: Final = 44
MARGIN: Final = 64
INK: Final = (33, 37, 41)
PAPER: Final = (255, 255, 255)
DEEPEST: Final = (8, 48, 107)
BARS: Final = "▁▂▃▄▅▆▇█"


def confusion_png(matrix: Sequence[Sequence[int]], title: str) -> bytes:
    """Rows are the true classes, columns the predicted ones; a darker cell has a larger share of
    its row."""
    count = len(matrix)
    side = MARGIN + count * CELL + 16
    image = Image.new("RGB", (side, side + 24), PAPER)
    draw = ImageDraw.Draw(image)
    font, small = ImageFont.load_default(16), ImageFont.load_default(13)
    draw.text((side / 2, 14), title, INK, font, anchor="mm")
    draw.text((MARGIN + count * CELL / 2, 36), "predicted", INK, small, anchor="mm")
    draw.text((18, MARGIN + count * CELL / 2), "true", INK, small, anchor="mm")
    for row, counts in enumerate(matrix):
        centre = MARGIN + row * CELL + CELL / 2
        draw.text((centre, MARGIN - 12), str(row), INK, small, anchor="mm")
        draw.text((MARGIN - 12, centre), str(row), INK, small, anchor="mm")
        for column, value in enumerate(counts):
            left, top = MARGIN + column * CELL, MARGIN + row * CELL
            share = value / max(1, sum(counts))
            box = (left, top, left + CELL - 2, top + CELL - 2)
            draw.rectangle(box, fill=_shade(share))
            if value:
                middle = (left + CELL / 2 - 1, top + CELL / 2 - 1)
                draw.text(middle, str(value), PAPER if share > 0.5 else INK, small, anchor="mm")
    png = io.BytesIO()
    image.save(png, "PNG", optimize=True)
    return png.getvalue()


def _shade(share: float) -> tuple[int, int, int]:
    """White for 0, the deepest blue for 1; small shares are lifted so that errors can be seen."""
    depth = share**0.5
    red, green, blue = (round(255 + (deep - 255) * depth) for deep in DEEPEST)
    return red, green, blue


def table(lines: Sequence[Sequence[str]]) -> str:
    """Aligned columns, the first line above a rule. All but the first and last are numbers."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    last = len(widths) - 1
    rows = [
        "  ".join(
            cell.rjust(width) if 0 < at < last else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()
        for cells in lines
    ]
    rows.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(f"  {row}" for row in rows)


def curve(values: Sequence[float], low: float, high: float) -> str:
    """One bar a value, between the lowest and the highest of all curves shown together."""
    span = (high - low) or 1.0
    top = len(BARS) - 1
    return "".join(BARS[round((value - low) / span * top)] for value in values)
