"""DynamoDB Local in this process: `PORT JAR_FOLDER LIBJVM`; it ends when its stdin does.

Its own command line listens on every interface and has no option for less. Its server is made by
the same code, but told to listen on 127.0.0.1 before it starts.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from typing import Any, cast


def main(port: str, jar_folder: str, jvm: str) -> None:
    os.chdir(jar_folder)
    jpype = cast("Any", importlib.import_module("jpype"))  # from `.engines`, not from our packages
    options = ["-Xmx768m", "-Djava.library.path=DynamoDBLocal_lib"]
    jpype.startJVM(
        jvm,
        *options,
        classpath=["DynamoDBLocal.jar", "DynamoDBLocal_lib/*"],
        convertStrings=False,
        ignoreUnrecognized=True,
    )
    runner = jpype.JClass("software.amazon.dynamodb.services.local.main.ServerRunner")
    arguments = ["-inMemory", "-port", port, "-disableTelemetry"]
    server = runner.createServerFromCommandLineArgs(arguments)
    field = server.getClass().getDeclaredField("server")
    field.setAccessible(True)
    for connector in field.get(server).getConnectors():
        connector.setHost("127.0.0.1")
    server.start()
    threading.Event().wait()


def end_with_stdin() -> None:
    """Whoever started this may be killed; the pipe's other end closes all the same."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_stdin, daemon=True).start()
    main(*sys.argv[1:])
