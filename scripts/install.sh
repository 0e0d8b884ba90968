#!/bin/sh
# Makes .venv from the hash-pinned lock requirements/$1.txt (main, test, bench or lock), with banksman itself
# in it, where that is not done yet. PYTHON names the interpreter. Writes nothing outside the checkout.
set -eu
cd "$(dirname "$0")/.."
lock=$1
venv=.venv

fail() {
    echo "$1" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# Ready-made packages exist for 3.11 to 3.14; anything newer may have to build some from source.
has_wheels() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null
}

# The interpreter: the one that PYTHON names, or the first that suits.
interpreter() {
    if [ -n "${PYTHON:-}" ]; then
        new_enough "$PYTHON" || fail "PYTHON=$PYTHON is no Python 3.11 or newer; name another: make PYTHON=/path/to/python3"
        echo "$PYTHON"
        return
    fi
    for test in has_wheels new_enough; do
        for name in python3 python3.14 python3.13 python3.12 python3.11; do
            if "$test" "$name"; then
                echo "$name"
                return
            fi
        done
    done
    fail "Python 3.11 or newer is needed and was not found; install it, or name it: make PYTHON=/path/to/python3"
}

# What an installation came from: the place of the checkout and the contents of files.
fingerprint() {
    { pwd && cat "$@"; } | cksum
}

# done_for STAMP FILE...: whether .venv works and STAMP was written for FILEs as they are now.
done_for() {
    stamp=$venv/.installed-$1
    shift
    [ "$(cat "$stamp" 2>/dev/null)" = "$(fingerprint "$@")" ] && "$venv/bin/python" -c '' 2>/dev/null
}

pip_install() {
    "$venv/bin/python" -m pip --disable-pip-version-check --no-cache-dir --quiet install --no-user "$@"
}

if ! done_for main requirements/main.txt; then
    python=$(interpreter)
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv"
    echo "Making .venv with $("$python" --version) …" >&2
    rm -rf "$venv"
    "$python" -m venv "$venv"
    pip_install --require-hashes -r requirements/main.txt
    fingerprint requirements/main.txt >"$venv/.installed-main"
fi
if ! done_for banksman pyproject.toml; then
    pip_install --no-index --no-deps --no-build-isolation --editable .
    fingerprint pyproject.toml >"$venv/.installed-banksman"
fi
if ! done_for "$lock" "requirements/$lock.txt"; then
    echo "Adding requirements/$lock.txt to .venv …" >&2
    pip_install --require-hashes -r "requirements/$lock.txt"
    fingerprint "requirements/$lock.txt" >"$venv/.installed-$lock"
fi
