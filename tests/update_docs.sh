#!/usr/bin/env bash
# Writes the generated pages of docs/ anew: commands.md and compatibility.md. Needs cargo and nothing else.
set -uo pipefail
cd "$(dirname "$0")/.."
export HEADWATER_UPDATE_DOCS=1
cargo test -q --features python --lib help
cargo test -q --features python --test compatibility
