#!/bin/sh
# Generates gen/ from the .proto files here, with the binaries of node_modules and no network.
set -eu
cd "$(dirname "$0")"
modules=../../../../node_modules
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) buf=$modules/@bufbuild/buf-linux-x64/bin/buf ;;
  Linux-aarch64) buf=$modules/@bufbuild/buf-linux-aarch64/bin/buf ;;
  Darwin-arm64) buf=$modules/@bufbuild/buf-darwin-arm64/bin/buf ;;
  *) echo "no buf for this machine" >&2; exit 1 ;;
esac
rm -rf gen
PATH="$modules/.bin:$PATH" "$buf" generate
