"""`METHOD URL FILE`, headers as JSON on stdin: a request of a stranger's, who knows a URL only.

A PUT sends the file, a GET writes it. Prints the status and the headers as JSON. It imports nothing
of Trialbook's and has no key: the URL must be enough.
"""

from __future__ import annotations

import http.client
import json
import sys
from pathlib import Path
from urllib.parse import urlsplit


def main(method: str, url: str, file: str) -> None:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.netloc, timeout=60)
    body = Path(file).read_bytes() if method == "PUT" else None
    connection.request(method, f"{place.path}?{place.query}", body, json.load(sys.stdin))
    answer = connection.getresponse()
    received = answer.read()
    if method == "GET":
        Path(file).write_bytes(received)
    headers = {name.lower(): value for name, value in answer.getheaders()}
    print(json.dumps({"status": answer.status, "headers": headers}))


if __name__ == "__main__":
    main(*sys.argv[1:])
