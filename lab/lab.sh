#!/bin/bash
# lab.sh -- what `./dev lab …` runs: a real OpenStack with real Talos machines on this computer (root, Debian).
#   up [--apis-only]   OpenStack with guests, Talos images in its Glance; --apis-only: no Talos, enough for the contract suite
#   down [--purge]     ends it and leaves nothing running; --purge also drops OpenStack's caches
#   status             what runs; exit code 0 = up, 3 = not up
#   test [ARGS]        the OpenStack contract suite against it; the last line is "N passed, N failed"
#   story NAME         lab/stories/NAME.ts: the product makes a cluster on it
#   kube-apiserver up|down|status|test   a real kube-apiserver to compare ours with; needs neither root nor OpenStack
#   fuzz [--minutes N] [--seed N] [--store memory|postgres]   schemathesis against our own OpenAPI documents; needs neither
#   clients [up|test] [NAME...] [--peer] [--write]   unmodified clients against our API; neither root nor OpenStack
#   enter COMMAND      a command inside the lab: enter openstack --os-cloud lab-demo server list
# Caches are outside the repository, in $HOME/.cache/skerry-lab. docs/guides/lab.md is the guide.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd) REPO=$(dirname "$HERE")
export SKERRY_LAB_DIR=${SKERRY_LAB_DIR:-$HOME/.cache/skerry-lab/openstack} LAB_SHARE=${LAB_SHARE:-$HOME/.cache/skerry-lab/talos}
TALOS=${TALOS:-v1.13.9}
die(){ printf 'lab: %s\n' "$*" >&2; exit 1; }
usage(){ sed -n '2,11s/^# \{0,1\}//p' "$0"; }
is_up(){ [ -f "$SKERRY_LAB_DIR/run/ready" ] && kill -0 "$(cat "$SKERRY_LAB_DIR/run/init.pid" 2>/dev/null)" 2>/dev/null; }
must_be_up(){ is_up || die "not up: ./dev lab up"; }
has_image(){ "$HERE/openstack/enter" openstack --os-cloud lab-demo image show -f value -c status "talos-$TALOS" 2>/dev/null | grep -qx active; }
node24(){ case $(node --version 2>/dev/null) in v24.*) ;; *) die "needs Node 24 in PATH: run it as ./dev lab";; esac; }

up(){
  mkdir -p "$LAB_SHARE"   # bound into the lab at its start, also when it is filled later
  local apis_only=; case ${1:-} in '') ;; --apis-only) apis_only=1;; *) die "up takes --apis-only, not $1";; esac
  [ "$(id -u)" = 0 ] || die "needs root: it makes network namespaces and mounts"
  [ -n "$apis_only" ] || LAB=$LAB_SHARE TALOS=$TALOS "$HERE/talos/build.sh" || die "the Talos build failed: logs in $LAB_SHARE/log"
  is_up || echo "lab: starting OpenStack (1 minute with its caches, 3 without); logs in $SKERRY_LAB_DIR/run"
  LAB_GUEST=uml "$HERE/openstack/up.sh"
  [ -n "$apis_only" ] || { echo "lab: uploading talos-$TALOS"; LAB_SHARE=$LAB_SHARE "$HERE/openstack/talos-image.sh" "$TALOS"; }
  echo "lab: up. Credentials: OS_CLIENT_CONFIG_FILE=$SKERRY_LAB_DIR/clouds.yaml, clouds lab-demo, lab-tenant2, lab-admin"
}
down(){
  case ${1:-} in ''|--purge) ;; *) die "down takes --purge, not $1";; esac
  "$HERE/openstack/down.sh" "$@"
  [ ! -d "$LAB_SHARE/run" ] || LAB=$LAB_SHARE "$HERE/talos/node.sh" down-all
  echo "lab: down"
}
status(){
  is_up || { echo "lab: not up"; exit 3; }
  echo "lab: up ($(cat "$SKERRY_LAB_DIR/run/ready"), pid $(cat "$SKERRY_LAB_DIR/run/init.pid"))"
  if has_image; then echo "talos-$TALOS: in Glance"; else echo "talos-$TALOS: not in Glance (./dev lab up)"; fi
  "$HERE/openstack/enter" openstack --os-cloud lab-demo server list -f value -c Name -c Status | sed 's/^/server /'
}
contract(){
  must_be_up; node24; cd "$REPO"
  local report rc=0; report=$(mktemp)
  OS_CLIENT_CONFIG_FILE=$SKERRY_LAB_DIR/clouds.yaml npx vitest run --config lab/vitest.config.ts --reporter=default --reporter=json --outputFile.json="$report" "$@" || rc=$?
  node -e 'const { readFileSync } = require("node:fs"); let r; try { r = JSON.parse(readFileSync(process.argv[1], "utf8")) } catch { r = { numPassedTests: 0, numFailedTests: 0 } }
    const broken = (r.testResults ?? []).filter((f) => f.status === "failed" && !f.assertionResults.some((one) => one.status === "failed")).length
    console.log(`${r.numPassedTests} passed, ${r.numFailedTests + broken} failed`)' "$report"
  rm -f "$report"; return $rc
}
story(){
  [ -n "${1:-}" ] || die "which story? $(cd "$HERE/stories" && ls ./*.ts | sed 's|^./||;s|\.ts$||' | tr '\n' ' ')"
  [ -f "$HERE/stories/$1.ts" ] || die "no lab/stories/$1.ts"
  must_be_up; has_image || die "talos-$TALOS is not in Glance: ./dev lab up"; node24; cd "$REPO"
  local name=$1; shift; exec node "lab/stories/$name.ts" "$@"
}

fuzz(){
  node24; cd "$REPO"
  local venv=${SKERRY_FUZZ_VENV:-$HOME/.cache/skerry-lab/fuzz}
  [ -x "$venv/bin/schemathesis" ] || { echo "lab: installing schemathesis into $venv"; python3 -m venv "$venv" && "$venv/bin/pip" install -q schemathesis==4.32.5; }
  exec node lab/clients/fuzz.ts "$venv/bin/schemathesis" "$@"
}

case ${1:-help} in
  up) shift; up "$@";;
  down) shift; down "$@";;
  status) status;;
  test) shift; contract "$@";;
  story) shift; story "$@";;
  kube-apiserver) shift; node24; exec "$HERE/clients/kube-apiserver.sh" "$@";;
  fuzz) shift; fuzz "$@";;
  clients) shift; node24; exec node "$HERE/clients/clients.ts" "$@";;
  enter) shift; must_be_up; exec "$HERE/openstack/enter" "$@";;
  help|-h|--help) usage;;
  *) usage >&2; die "unknown command $1";;
esac
