#!/bin/sh
# Writes requirements/*.txt from pyproject.toml and requirements/lock.in: every version pinned, every file of a
# release by its hash (so other platforms and Pythons install from the same lock), no address of an index.
# UPGRADE=1 takes the newest versions; without it the pinned ones stay where they still fit.
set -eu
cd "$(dirname "$0")/.."
bin=.venv/bin

# What only older Pythons need is seen only by the oldest one.
"$bin/python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || {
    echo "The locks are made with Python 3.11, the oldest that is supported: make clean; make lock PYTHON=python3.11" >&2
    exit 1
}

compile() {
    CUSTOM_COMPILE_COMMAND="make lock" "$bin/pip-compile" --quiet --generate-hashes --strip-extras --allow-unsafe \
        --no-emit-options --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
        --cache-dir .venv/lock-cache ${UPGRADE:+--upgrade} "$@"
}

# main also holds what builds banksman itself, since nothing is fetched outside the locks.
compile --build-deps-for editable pyproject.toml -o requirements/main.txt
compile --extra test -c requirements/main.txt pyproject.toml -o requirements/test.txt
compile --extra bench -c requirements/main.txt pyproject.toml -o requirements/bench.txt
compile requirements/lock.in -o requirements/lock.txt
