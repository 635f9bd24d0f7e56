"""Small files of every kind that the page shows."""

from __future__ import annotations

import io
import json
import math
import struct
import wave
from typing import Final

from PIL import Image

from demo.picture import confusion_png

NOTES: Final = """\
# Why the second layer stays

The wider network **overfits** after ten epochs; see [the paper](https://example.org/paper).

| width | accuracy |
| ----: | -------- |
|    64 | 0.93     |
|   128 | 0.95     |

1. train longer
2. *then* prune

```python
model.fit(x, y)
```
"""
SVG: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" width="120" height="80" viewBox="0 0 120 80">
  <rect width="120" height="80" fill="#2557d6"/><circle cx="60" cy="40" r="25" fill="#fff"/>
</svg>
"""


def picture(kind: str, size: tuple[int, int] = (160, 100)) -> bytes:
    """A colour gradient."""
    width, height = size
    image = Image.new("RGB", size)
    image.putdata([(x % 256, y * 2 % 256, 160) for y in range(height) for x in range(width)])
    body = io.BytesIO()
    image.save(body, kind)
    return body.getvalue()


def sound(seconds: float = 0.5, rate: int = 8000) -> bytes:
    body = io.BytesIO()
    with wave.open(body, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        samples = [int(8000 * math.sin(0.3 * at)) for at in range(int(seconds * rate))]
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return body.getvalue()


def table(separator: str, rows: int) -> str:
    head = separator.join(["epoch", "loss", "note"])
    body = [separator.join([str(at), f"{1 / (at + 1):.4f}", f"row {at}"]) for at in range(rows)]
    return "\n".join([head, *body]) + "\n"


def files() -> dict[str, bytes]:
    """By path in a run."""
    matrix = [
        [40 if row == column else (row + column) % 3 for column in range(6)] for row in range(6)
    ]
    return {
        "plots/confusion matrix.png": confusion_png(matrix, "Digits"),
        "plots/shape.svg": SVG.encode(),
        "plots/photo.jpg": picture("JPEG"),
        "plots/photo.webp": picture("WEBP"),
        "plots/blink.gif": picture("GIF"),
        "sounds/tone.wav": sound(),
        "tables/history.csv": table(",", 300).encode(),
        "tables/history.tsv": table("\t", 5).encode(),
        "notes.md": NOTES.encode(),
        "config.json": json.dumps({"layers": [64, 64], "seed": 12345678901234567890}).encode(),
        "broken.json": b'{"layers": [64,',
        "train.py": b'print("training")\n',
        "train.log": ("epoch done, loss is falling\n" * 12_000).encode(),
        "page.html": b"<h1>A report</h1><p>as a page</p>",
        "weights.bin": bytes(range(256)) * 8,
        "empty.txt": b"",
        "clip.mp4": b"\x00\x00\x00\x18ftypmp42 this is no film",
        "deep/er/still/Größe %2F 表.txt": b"found it\n",
    }
