#!/usr/bin/env bash
# Build, check and test every wheel that this machine can make, into dist/; see docs/packaging.md.
# Options: --only PART, --tests none|import|core, --twice, --json, --output DIR.
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/dev" wheels "$@"
