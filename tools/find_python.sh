#!/bin/sh
# Print the first of the given interpreters (default: the newest that Trialbook is tested with, then
# python3) that really runs and is Python 3.11 or newer. When there is none, say so and exit 2.
# Written for sh and for any Python since 2, because it runs where a good Python is yet to be found.
set -u

[ $# -gt 0 ] || set -- python3.13 python3.12 python3.11 python3

found="no Python"
for candidate in "$@"; do
    # A name on the PATH may be a version manager's stub for a Python that is not there.
    version="$("$candidate" -c 'import sys; sys.stdout.write("%d.%d.%d" % sys.version_info[:3])' \
        2>/dev/null)" || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        printf '%s\n' "$candidate"
        exit 0
    fi
    found="$version"
done
echo "Trialbook needs Python 3.11 or newer; found $found; set PYTHON=/path/to/python3.11" >&2
exit 2
