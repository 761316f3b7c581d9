#!/bin/bash
# install.sh NAME... -- fetches or builds unmodified clients into $SKERRY_CLIENTS_DIR, outside the repository. Idempotent: what is there is kept
# (versions.env and the sources of our programs are part of the name it is kept under). Each step says what it waits for.
# Ends with 1 when something could not be had; the last line of its standard error says why.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
D=${SKERRY_CLIENTS_DIR:-$HOME/.cache/skerry-lab/clients}
# shellcheck source=versions.env
. "$HERE/versions.env"
mkdir -p "$D"/{bin,src,log}
export CGO_ENABLED=0 GOFLAGS='-mod=mod -buildvcs=false -trimpath' GOTOOLCHAIN=local
die(){ printf 'clients: %s\n' "$*" >&2; exit 1; }
say(){ printf 'clients: %s\n' "$*" >&2; }
has(){ command -v "$1" >/dev/null 2>&1 || die "$2 is not installed"; }
# Runs a step unless its result is there; its output is kept in log/NAME.log, the end of which is the reason when it fails.
once(){ # RESULT NAME WAITS-FOR COMMAND...
  local result=$1 name=$2 what=$3; shift 3
  [ -e "$D/$result" ] && return
  say "$name: $what"
  "$@" >"$D/log/$name.log" 2>&1 || { tail -n 3 "$D/log/$name.log" >&2; die "$name: could not be had, see $D/log/$name.log"; }
}

# A Go program whose module has `replace` cannot be installed by its name: a module of our own requires it and takes its replaces over.
go_tool(){ # NAME MODULE VERSION PACKAGE LDFLAGS
  local at="$D/src/$1-$3" up; mkdir -p "$at"; cd "$at"
  if [ ! -f go.mod ]; then
    up=$(cd / && go mod download -json "$2@$3" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
    [ ! -f "$up/go.sum" ] || install -m 644 "$up/go.sum" go.sum
    { printf 'module lab/%s\n\ngo 1.26.0\n\nrequire %s %s\n\n' "$1" "$2" "$3"
      if [ "$2" = k8s.io/kubernetes ]; then sed -nE "s|^\s*(k8s.io/[a-z0-9-]+) => \./staging.*|replace \1 => \1 v0${3#v1}|p" "$up/go.mod"
      else go mod edit -json "$up/go.mod" | node -e 'for (const { Old, New } of JSON.parse(require("fs").readFileSync(0)).Replace ?? []) if (New.Version) console.log("replace", Old.Path, Old.Version ?? "", "=>", New.Path, New.Version)'; fi
    } >go.mod.new; mv go.mod.new go.mod
  fi
  nice -n 15 go build -p 1 -ldflags "-s -w $5" -o "$D/bin/$1-$3.new" "$4"
  mv "$D/bin/$1-$3.new" "$D/bin/$1-$3"
}
go_once(){ has go 'Go 1.26'; once "bin/$1-$3" "$1" "compiling $3 (${6:-ten minutes} the first time)" go_tool "$@"; ln -sfn "$1-$3" "$D/bin/$1"; }

# A program of Debian sid, by apt lists of our own, so that the system's are left alone. Sid moves: what it has today is taken.
sid(){
  has apt-get 'apt (Debian)'
  local apt="$D/apt" mirror; mkdir -p "$apt"/{lists/partial,cache/archives/partial,x}
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" >"$apt/sid.list"
  set -- "$1" -o "Dir::Etc::sourcelist=$apt/sid.list" -o Dir::Etc::sourceparts=- -o "Dir::State::Lists=$apt/lists" -o Dir::State::status=/dev/null -o "Dir::Cache=$apt/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root
  local package=$1; shift
  apt-get "$@" update -q
  cd "$apt"; rm -rf "x/$package"; apt-get "$@" download "$package"; dpkg -x "$package"_*.deb "x/$package"; dpkg-deb -f "$package"_*.deb Version >"$D/bin/$package.version.new"; rm "$package"_*.deb
  install -m 755 "$apt/x/$package/usr/bin/$package" "$D/bin/$package"; mv "$D/bin/$package.version.new" "$D/bin/$package.version"
}
kubectl(){ once bin/kubectl.version kubectl 'the package of Debian sid' sid kubectl; }
kustomize(){ once bin/kustomize.version kustomize 'the package of Debian sid' sid kustomize; }
kubectl_old(){
  local v=k8s.io/component-base/version
  go_once kubectl-old k8s.io/kubernetes "$KUBECTL_OLD_V" k8s.io/kubernetes/cmd/kubectl "-X $v.gitVersion=$KUBECTL_OLD_V -X $v.gitMajor=1 -X $v.gitMinor=$(echo "$KUBECTL_OLD_V" | cut -d. -f2)"
}
helm(){ go_once helm helm.sh/helm/v4 "$HELM_V" helm.sh/helm/v4/cmd/helm "-X helm.sh/helm/v4/internal/version.version=$HELM_V"; }
opentofu(){
  go_once terraform-provider-kubectl github.com/gavinbunney/terraform-provider-kubectl "$TF_KUBECTL_V" github.com/gavinbunney/terraform-provider-kubectl '' 'five minutes'
  go_once tofu github.com/opentofu/opentofu "$OPENTOFU_V" github.com/opentofu/opentofu/cmd/tofu "-X github.com/opentofu/opentofu/version.dev=no"
}

# Our programs over other people's libraries: made again when a source or a pinned version changes.
made_from(){ (cd "$HERE/$1" && find . -type f ! -path './node_modules/*' ! -path './target/*' | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-12); }
go_program(){ # NAME
  has go 'Go 1.26'; cd "$HERE/go"
  nice -n 15 go build -mod=readonly -p 1 -o "$D/bin/$2" "./$1"
}
go_made(){ local name=go-$1-$(made_from go); once "bin/$name" "go-$1" 'compiling our program (five minutes the first time)' go_program "$1" "$name"; ln -sfn "$name" "$D/bin/go-$1"; }

# Packages of other languages, beside a copy of our program.
python_made(){
  has python3 'Python 3'
  local at; at=python-$(made_from python); once "$at/ready" python 'installing packages (a minute)' python_packages "$at"; ln -sfn "$at" "$D/python"
}
python_packages(){ rm -rf "${D:?}/$1"; python3 -m venv "$D/$1" && "$D/$1/bin/pip" install --quiet --requirement "$HERE/python/requirements.txt" && touch "$D/$1/ready"; }
node_made(){
  has npm npm
  local at; at=node-$(made_from node); once "$at/ready" node 'installing packages (half a minute)' node_packages "$at"; ln -sfn "$at" "$D/node"
}
node_packages(){ rm -rf "${D:?}/$1"; mkdir "$D/$1" && cp "$HERE"/node/* "$D/$1" && npm install --prefix "$D/$1" --no-audit --no-fund --silent --ignore-scripts && touch "$D/$1/ready"; }

java_made(){ # NAME
  has mvn Maven; has java 'a JDK'
  local at; at=java-$1-$(made_from "java/$1"); once "$at/ready" "java-$1" 'downloading packages (a minute)' java_packages "$1" "$at"; ln -sfn "$at" "$D/java-$1"
}
java_packages(){
  rm -rf "${D:?}/$2"; mkdir "$D/$2" && cp "$HERE/java/$1"/* "$D/$2" && cd "$D/$2"
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib && javac -nowarn -proc:none -cp 'lib/*' -d out Client.java && touch ready
}
rust_made(){
  has cargo cargo
  local at; at=rust-$(made_from rust); once "bin/$at" rust 'compiling (ten minutes the first time)' rust_program "$at"; ln -sfn "$at" "$D/bin/rust"
}
rust_program(){ rm -rf "$D/rust"; cp -r "$HERE/rust" "$D/rust" && cd "$D/rust" && nice -n 15 cargo build --release -j1 --target-dir "$D/rust-target" && cp "$D/rust-target/release/kube-client" "$D/bin/$1"; }

for one in "$@"; do
  case $one in kubectl|kubectl-old|kustomize|helm|opentofu) "${one//-/_}";;
    java-*) java_made "${one#java-}";;
    rust) rust_made;;
    python) python_made;;
    node) node_made;;
    go-*) go_made "${one#go-}";; *) die "install.sh does not know $one";; esac
done
