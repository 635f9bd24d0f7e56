"""`python -m local`: start the server, or manage API keys.

This file must parse on any Python 3, so that an old one is told what it lacks.
"""

import sys

OLDEST_PYTHON = (3, 11)


def main() -> int:
    """Returns the exit status: 0, 1 when a command failed, 2 when it could not begin."""
    if sys.version_info < OLDEST_PYTHON:
        sys.stderr.write(
            "trialbook: Python %d.%d or later is needed, this is %d.%d\n"  # noqa: UP031 (old Python)
            % (OLDEST_PYTHON + tuple(sys.version_info[:2]))
        )
        return 2
    # Imported only now: their syntax is the newer Python's.
    from local.command import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
