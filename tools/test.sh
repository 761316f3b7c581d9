#!/bin/sh
# ./dev test: types, lint, layers, then every test that needs no root. The last line is `N passed, N failed`.
set -u
cd "$(dirname "$0")/.."
if [ "${1:-}" = --rules ]; then shift; exec node tools/rules/main.ts "$@"; fi
if [ $# -gt 0 ]; then exec npx --no-install vitest run "$@"; fi
passed=0 failed=0
check() { name=$1; shift; if "$@"; then passed=$((passed + 1)); else echo "FAILED: $name" >&2; failed=$((failed + 1)); fi; }
check types npx --no-install tsc --noEmit
check lint npx --no-install oxlint --quiet src testkit e2e bench tools
report=$(mktemp)
npx --no-install vitest run --reporter=default --reporter=json --outputFile.json="$report"
counts=$(node -e 'try { const r = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8")); console.log(r.numPassedTests, r.numFailedTests + (r.success || r.numFailedTests ? 0 : 1)) } catch { console.log("0 1") }' "$report")
rm -f "$report"
passed=$((passed + ${counts% *})) failed=$((failed + ${counts#* }))
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
