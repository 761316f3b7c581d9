#!/bin/bash
# kube-apiserver.sh -- what `./dev lab kube-apiserver …` runs: etcd and kube-apiserver on loopback, with our kinds as custom resources.
#   up       starts both with an empty store, makes the definitions of docs/reference/crds.yaml; again: nothing
#   down     ends both, each by its own process id; drops their state
#   status   what runs; exit code 0 = up, 3 = not up
#   restart  kills kube-apiserver alone, without warning, and starts it again
#   propagation [ARGS]   as test, of what goes with its owner or its namespace, with a kube-controller-manager of those two controllers for as long
#   test [ARGS]   the same requests to it and to our API server; every difference must be in docs/reference/differences.md
# Binaries: $SKERRY_PEER_BIN, or what lab/talos/build.sh made. State: $SKERRY_PEER_DIR, outside the repository.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd) REPO=$(cd "$HERE/../.." && pwd)
BIN=${SKERRY_PEER_BIN:-${LAB_SHARE:-$HOME/.cache/skerry-lab/talos}/bin} D=${SKERRY_PEER_DIR:-$HOME/.cache/skerry-lab/kube-apiserver}
# A comparison of answers needs no durable commit; one of speed does.
HASTY=(--unsafe-no-fsync); [ -z "${SKERRY_PEER_DURABLE:-}" ] || HASTY=()
PORT=${SKERRY_PEER_PORT:-16443} ETCD=${SKERRY_PEER_ETCD_PORT:-12379}
die(){ printf 'kube-apiserver: %s\n' "$*" >&2; exit 1; }
# A pid file may outlive its process: only what runs our binary is ours.
runs(){ local pid; pid=$(cat "$D/$1.pid" 2>/dev/null) && [ -n "$pid" ] && [ "$(readlink "/proc/$pid/exe" 2>/dev/null)" = "$(readlink -f "$BIN/$1")" ]; }
is_up(){ runs etcd && runs kube-apiserver && [ -f "$D/peer.json" ]; }
start(){ local name=$1; shift; setsid "$BIN/$name" "$@" >"$D/$name.log" 2>&1 </dev/null & echo $! >"$D/$name.pid"; }
end(){
  runs "$1" || return 0
  local pid; pid=$(cat "$D/$1.pid"); kill "$pid"
  for _ in $(seq 100); do runs "$1" || return 0; sleep 0.1; done
  kill -9 "$pid"
}
down(){ end kube-controller-manager; end kube-apiserver; end etcd; rm -rf "$D"; }
serve(){
  start kube-apiserver --etcd-servers "http://127.0.0.1:$ETCD" --bind-address 127.0.0.1 --advertise-address 127.0.0.1 --secure-port "$PORT" --cert-dir "$D/certs" --token-auth-file "$D/tokens.csv" \
    --authorization-mode RBAC --endpoint-reconciler-type none --service-cluster-ip-range 10.96.0.0/16 --disable-admission-plugins ServiceAccount \
    --service-account-issuer https://peer.invalid --service-account-key-file "$D/sa.key" --service-account-signing-key-file "$D/sa.key"
}

up(){
  if is_up; then echo "kube-apiserver: up already, https://127.0.0.1:$PORT"; return; fi
  for name in etcd kube-apiserver; do
    [ -x "$BIN/$name" ] || die "no $BIN/$name. lab/talos/build.sh builds both (an hour); or put etcd 3.6 and kube-apiserver 1.36 in a folder and name it in SKERRY_PEER_BIN"
  done
  down; mkdir -p "$D"; chmod 700 "$D"
  trap 'tail -n 20 "$D"/*.log >&2; end kube-apiserver; end etcd' ERR
  openssl genrsa -out "$D/sa.key" 2048 2>/dev/null
  local token; token=$(openssl rand -hex 16)
  echo "$token,admin,admin,\"system:masters\"" >"$D/tokens.csv"
  local url=http://127.0.0.1:$ETCD peer=http://127.0.0.1:$((ETCD + 1))
  start etcd --data-dir "$D/etcd" "${HASTY[@]}" --listen-client-urls "$url" --advertise-client-urls "$url" --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" \
    --initial-cluster "default=$peer" --log-level warn
  serve
  node "$HERE/peer.ts" ready "$D" "https://127.0.0.1:$PORT" "$token"
  trap - ERR
  echo "kube-apiserver: up, https://127.0.0.1:$PORT; address, token and authority in $D/peer.json"
}

# Not beside the other comparisons: there owners are made up, and it would collect what has them.
propagation(){
  is_up || die "not up: ./dev lab kube-apiserver up"
  [ -x "$BIN/kube-controller-manager" ] || die "no $BIN/kube-controller-manager"
  node "$HERE/peer.ts" kubeconfig "$D"
  trap 'end kube-controller-manager' EXIT
  start kube-controller-manager --kubeconfig "$D/kubeconfig" --controllers garbage-collector-controller,namespace-controller --leader-elect=false --secure-port 0 \
    --kube-api-qps 1000 --kube-api-burst 2000
  for _ in $(seq 300); do grep -qs 'Proceeding to collect garbage' "$D/kube-controller-manager.log" && break; sleep 0.1; done
  (cd "$REPO"; node lab/clients/differential.ts "$D/peer.json" --collecting "$@")
}

case ${1:-help} in
  up) up;;
  down) down; echo "kube-apiserver: down";;
  status) if is_up; then echo "kube-apiserver: up, https://127.0.0.1:$PORT (pids $(cat "$D/etcd.pid") $(cat "$D/kube-apiserver.pid"))"; else echo "kube-apiserver: not up"; exit 3; fi;;
  restart) is_up || die "not up"; pid=$(cat "$D/kube-apiserver.pid"); kill -9 "$pid"; while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done; serve;;
  propagation) shift; propagation "$@";;
  test) shift; is_up || die "not up: ./dev lab kube-apiserver up"; cd "$REPO"; exec node lab/clients/differential.ts "$D/peer.json" "$@";;
  help|-h|--help) sed -n '2,9s/^# \{0,1\}//p' "$0";;
  *) die "takes up, down, restart, status, propagation or test, not $1";;
esac
