#!/usr/bin/env bash
# Build a wheel for the Python of .venv into dist/. It links to the machine's OpenSSL: it is for machines like this one.
# Beside it goes the wheel of zkc-legacy, which is for any Python.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

python=${ZKC_PYTHON:-.venv/bin/python}
[[ -x $(command -v "$python") ]] || { echo "zkc: error: no $python: run ./dev setup first, or set ZKC_PYTHON" >&2; exit 1; }
"$python" -m build --wheel --no-isolation --outdir dist "$@"
# Nothing that is left of another build may get into the wheel.
rm -rf legacy/build
"$python" -m build --wheel --no-isolation --outdir dist "$@" legacy
ls -l dist/*.whl
