#!/bin/sh
# Rewrite requirements*.txt from requirements*.in: exact versions with the hashes of every file that
# a version has, for Python 3.11 and later on every platform. Versions stay unless an .in file
# moves them; `sh tools/lock.sh --upgrade` moves what the .in files leave open.
set -eu
cd "$(dirname "$0")/.."

python="$(sh tools/find_python.sh)"
[ -x .venv-lock/bin/uv ] || {
    "$python" -m venv .venv-lock
    .venv-lock/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
}

for name in requirements requirements-local requirements-package requirements-dev; do
    .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
        --fork-strategy fewest --generate-hashes --no-annotate --no-emit-index-url \
        --no-emit-find-links --custom-compile-command "sh tools/lock.sh" \
        "$@" "$name.in" --output-file "$name.txt"
done
