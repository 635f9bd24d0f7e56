#!/bin/sh
# Print a Python 3.13, the version that the functions run on: Chalice packages for the interpreter
# that runs it. Looks at the given ones, else on the PATH, and where pyenv and uv keep theirs. When
# there is none, say so and exit 2.
set -u

if [ $# -eq 0 ]; then
    set -- python3.13 python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13.*/bin/python3.13 \
        "${XDG_DATA_HOME:-$HOME/.local/share}"/uv/python/cpython-3.13.*/bin/python3.13
fi

for candidate in "$@"; do
    # A name on the PATH may be a version manager's stub for a Python that is not there.
    if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
        printf '%s\n' "$candidate"
        exit 0
    fi
done
echo "Packaging needs Python 3.13, which the functions run on; found none;" \
    "set LAMBDA_PYTHON=/path/to/python3.13" >&2
exit 2
