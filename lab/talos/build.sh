#!/bin/bash
# build.sh -- everything the Talos lab needs, into $LAB (default ~/.cache/skerry-lab/talos). Idempotent: each step is
# skipped when its result is there; delete a result (or bin/NAME) to make it again.
#   build.sh [all] | build.sh STEP...     steps: tools debs kernel go initramfs rootfs installer images disk
#   build.sh version vX.Y.Z...            another Talos version (after all): root, installer image, disk image
#   build.sh prebuilt DIR                 keeps the compiled kernel in DIR for other machines (KERNEL=build compiles even if one is there)
# A kernel kept so is looked for in $SKERRY_LAB_PREBUILT, else beside the repository in ../shared/lab/talos/prebuilt; it is used
# only while the sums in its SOURCE hold for the files here that it was made from. No binary is in the repository.
# Needs: root, Debian, Go >= 1.26.6, the Go module proxy and Debian's packages. Times and sizes: README.md.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
LAB=${LAB:-$HOME/.cache/skerry-lab/talos}
TALOS=${TALOS:-v1.13.9} K8S=${K8S:-v1.36.3} ETCD=v3.6.12 COREDNS=v1.14.6 CONTAINERD=v2.2.4 PAUSE=3.10.1
NICE=${NICE:-nice -n 5}
mkdir -p "$LAB"/{bin,src,debs,log}; cd "$LAB"
unset $(env | grep -E '^(PYTHON|PIP|SSL_CERT|REQUESTS_CA|CURL_CA|NODE_EXTRA|GIT_SSL)' | cut -d= -f1) 2>/dev/null || true
export CGO_ENABLED=0 GOFLAGS="-mod=mod -buildvcs=false -trimpath"
[ -e "$LAB/disk-$TALOS.img" ] || echo "Talos lab: building into $LAB; each step says its name and waits for package downloads or the Go compiler (12 to 18 minutes the first time)"
say(){ printf '[%5d s] %s\n' $SECONDS "$*"; }
step(){ say "$*"; local TIMEFORMAT="         $1: %R s wall, %U s user, %S s system"; time "$@"; }
MIRROR=$(apt-get indextargets --format '$(REPO_URI)' "Created-By: Packages" | grep -v security | head -1)
KEY=/usr/share/keyrings/debian-archive-keyring.gpg

tools(){ local p miss=""
  for p in mmdebstrap flex bison bc libelf-dev xz-utils cpio squashfs-tools genisoimage gdisk iproute2 e2fsprogs gcc make; do
    dpkg-query -W -f '${Status}' $p 2>/dev/null | grep -q 'ok installed' || miss+=" $p"; done
  [ -z "$miss" ] || { apt-get update -q && apt-get install -y --no-install-recommends $miss; } >log/tools.log 2>&1
}
# packages of Debian sid, through an apt root of our own
apt_sid(){ local r=$LAB/apt c=$1; shift; mkdir -p $r/etc/apt/{apt.conf.d,preferences.d,trusted.gpg.d} $r/var/lib/apt/lists/partial $r/var/cache/apt/archives/partial $r/var/lib/dpkg; touch $r/var/lib/dpkg/status
  echo "deb [signed-by=$KEY] $MIRROR sid main" > $r/etc/apt/sources.list
  $c -o Dir=$r -o Dir::State::status=$r/var/lib/dpkg/status -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"; }
debs(){
  ls debs/containerd_*.deb >/dev/null 2>&1 || get containerd
  [ -d sid ] || { rm -rf sid.tmp; $NICE mmdebstrap --variant=essential --format=directory \
    --include=udev,xfsprogs,dosfstools,e2fsprogs,lvm2,kmod,runc,iptables,nftables,conntrack,util-linux,mount,iproute2,cryptsetup-bin,containernetworking-plugins,ethtool,ipset,kubectl \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Check-Valid-Until "false"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --essential-hook='printf "#!/bin/sh\nexit 101\n" > "$1/usr/sbin/policy-rc.d"; chmod 755 "$1/usr/sbin/policy-rc.d"' \
    sid sid.tmp "deb [signed-by=$KEY] $MIRROR sid main" >log/sid.log 2>&1; mv sid.tmp sid; }
}
get(){ apt_sid apt-get update -q; (cd debs && apt_sid apt-get download -q "$1"); } >>log/debs.log 2>&1
# the guest kernel: unpacked from a prebuilt one when that was made from these inputs, compiled otherwise or with KERNEL=build
PREBUILT=${SKERRY_LAB_PREBUILT:-$HERE/../../../shared/lab/talos/prebuilt}
prebuilt_holds(){ [ -f "$PREBUILT/SOURCE" ] && (cd "$PREBUILT" && sed "s|  \.\./|  $HERE/|" SOURCE | sha256sum -c --quiet) >/dev/null 2>&1; }
kernel(){ [ -x bin/linux-lab ] && [ "${KERNEL:-}" != build ] && return
  if [ "${KERNEL:-}" != build ] && prebuilt_holds; then
    cp "$PREBUILT"/{kernelrelease,modules.builtin} .; xz -dc "$PREBUILT/linux-lab.xz" > bin/linux-lab.new; chmod 755 bin/linux-lab.new; mv bin/linux-lab.new bin/linux-lab; say "prebuilt $(cat kernelrelease)"; return; fi
  say "no prebuilt kernel for these sources: compiling (6 minutes on two cores)"
  ls debs/linux-source-*.deb >/dev/null 2>&1 || get linux-source-7.2
  [ -f src/linux/Makefile ] || { mkdir -p src/linux; dpkg-deb --fsys-tarfile debs/linux-source-*.deb | tar -xO --wildcards '*.tar.xz' | $NICE tar -xJ -C src/linux --strip-components=1; }
  "$HERE/umlpatch.sh" src/linux
  make -s -C src/linux ARCH=um O="$LAB/src/linux-build" x86_64_defconfig >log/kernel.log 2>&1
  (cd src/linux-build; [ -e source ] || ln -s ../linux source; ./source/scripts/kconfig/merge_config.sh -m -O . .config "$HERE/uml.config"; make ARCH=um olddefconfig
   $NICE make ARCH=um KBUILD_BUILD_USER=lab KBUILD_BUILD_HOST=lab -j"$(nproc)" linux; strip -o "$LAB/bin/linux-lab.new" linux; mv "$LAB/bin/linux-lab.new" "$LAB/bin/linux-lab") >>log/kernel.log 2>&1
  make -s -C src/linux-build ARCH=um kernelrelease | tail -1 > kernelrelease; cp src/linux-build/modules.builtin .
}
prebuilt(){ local p=${1:?build.sh prebuilt DIR}; mkdir -p "$p"; cp kernelrelease modules.builtin "$p/"; xz -9e -c bin/linux-lab > "$p/linux-lab.xz"     # what a compiled kernel becomes for other machines
  { echo "# linux-lab.xz: User-Mode Linux (GPL-2), made by \`KERNEL=build build.sh kernel\` from Debian's $(dpkg-deb -W debs/linux-source-*.deb | tr '\t' ' ')"
    echo "# with $(gcc --version | head -1); build.sh uses it as long as these sums hold"; (cd "$HERE"; sha256sum uml.config umlsysctl.c umlpatch.sh | sed 's|  |  ../|'); cd "$p"; sha256sum linux-lab.xz kernelrelease modules.builtin; } > "$p/SOURCE.new"; mv "$p/SOURCE.new" "$p/SOURCE"; }

# a module of our own that requires the upstream module; upstream's go.sum is the start of ours
mod(){ # DIR MODULE VERSION
  mkdir -p src/$1; cd src/$1; [ -f go.mod ] && return
  local d; d=$(cd /tmp && GOFLAGS=-mod=mod go mod download -json $2@$3 | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  printf 'module lab/%s\n\ngo 1.26.6\n\nrequire %s %s\n' $1 $2 $3 > go.mod; [ ! -f $d/go.sum ] || { cp $d/go.sum go.sum; chmod u+w go.sum; }
  UP=$d; }
gob(){ # NAME PACKAGE [flags...]: go build unless there; time to log/go-NAME.log
  local n=$1 p=$2; shift 2; [ -x "$LAB/bin/$n" ] && return
  say "go build $n"; TIMEFORMAT='%R s wall, %U s user'; { time $NICE go build "$@" -o "$LAB/bin/$n" $p; } >"$LAB/log/go-$n.log" 2>&1 || { tail -5 "$LAB/log/go-$n.log"; return 1; }; }
talos_mod(){ # VERSION: upstream's replaces, less what the proxy does not serve (see NOTES.md)
  ( mod talos-$1 github.com/siderolabs/talos $1; grep -q '^replace' go.mod || {
      sed -n '/^replace (/,/^)/p;/^replace g/p' "$UP/go.mod" | grep -E '=> *github' | grep -v smira/containerd | sed 's/^replace//;s/^ */\t/' | { echo; echo 'replace ('; cat; echo ')'; } >> go.mod
      go mod edit -require=github.com/siderolabs/talos/pkg/machinery@$1 -require=github.com/siderolabs/go-kubernetes@v0.2.41 -require=go.etcd.io/etcd/etcdutl/v3@v3.6.14; } ) }
go_talos(){ # VERSION SUFFIX (changes the directory: call it in a subshell)
  talos_mod $1; cd src/talos-$1; local t=github.com/siderolabs/talos
  gob machined$2 $t/internal/app/machined -tags tcell_minimal,grpcnotrace -ldflags '-s -w -X golang.zx2c4.com/wireguard/ipc.socketDirectory=/system/wireguard-sock'
  gob installer$2 $t/cmd/installer -tags tcell_minimal,grpcnotrace -ldflags '-s -w'
  [ -n "$2" ] || gob talosctl $t/cmd/talosctl -tags grpcnotrace -ldflags '-s -w'; }
go_(){ local c
  for c in preinit oci labcni pause; do ( cd "$HERE"; [ "$LAB/bin/$c" -nt $c.go ] || rm -f "$LAB/bin/$c"; GOFLAGS=-trimpath gob $c $c.go -ldflags '-s -w' ); done
  ( go_talos $TALOS "" )
  ( mod etcd go.etcd.io/etcd/server/v3 $ETCD; gob etcd go.etcd.io/etcd/server/v3 -ldflags '-s -w' )
  ( mod coredns github.com/coredns/coredns $COREDNS; gob coredns github.com/coredns/coredns -ldflags '-s -w' )
  ( mod k8s k8s.io/kubernetes $K8S; grep -q '^replace' go.mod || { echo; echo 'replace ('; grep -oE '^\s*k8s.io/[a-z0-9-]+ => ./staging' "$UP/go.mod" | awk -v v=v0${K8S#v1} '{print "\t"$1" => "$1" "v}'; echo ')'; } >> go.mod
    V=k8s.io/component-base/version; for c in kubelet kube-apiserver kube-controller-manager kube-scheduler kube-proxy; do
      gob $c k8s.io/kubernetes/cmd/$c -ldflags "-s -w -X $V.gitVersion=$K8S -X $V.gitMajor=1 -X $V.gitMinor=$(echo $K8S | cut -d. -f2)"; done )
}

# the root file system of one Talos version: Debian's tools in Talos' layout, plus machined
rootfs(){ local v=${1:-$TALOS} sfx=${2:-} f=$LAB/rootfs.tmp n p t m; [ -f rootfs/$v.sqfs ] && return
  t=$(go env GOMODCACHE)/github.com/siderolabs/talos@$v; m=$(go env GOMODCACHE)/github.com/siderolabs/talos/pkg/machinery@$v
  rm -rf $f; cp -a sid $f
  rm -rf $f/var/lib/{apt,dpkg} $f/var/cache/* $f/usr/share/{doc,info,perl5,bash-completion,locale,man} $f/usr/lib/python3* $f/usr/lib/x86_64-linux-gnu/{perl*,gconv} $f/etc/{systemd,init.d,default,cron*,logrotate.d} $f/usr/lib/udev/hwdb.d $f/usr/etc
  rm -f $f/usr/bin/{kubectl,perl*,python3*}
  for p in $f/usr/sbin/*; do n=$(basename $p); [ -L $f/usr/bin/$n ] && [ ! -L $p ] && rm $f/usr/bin/$n; [ -e $f/usr/bin/$n ] || [ -L $f/usr/bin/$n ] || mv $p $f/usr/bin/$n; done
  rm -rf $f/usr/sbin; ln -s bin $f/usr/sbin
  mkdir -p $f/opt/cni/bin $f/opt/containerd/{bin,lib}; for p in bridge firewall host-local loopback portmap; do mv $f/usr/lib/cni/$p $f/opt/cni/bin/; done; rm -rf $f/usr/lib/cni
  dpkg-deb --fsys-tarfile debs/containerd_*.deb | tar -x -C $f --wildcards './usr/bin/containerd' './usr/bin/containerd-shim-runc-v2'
  # `udevadm hwdb --update` would write to the read-only /usr
  mv $f/usr/bin/udevadm $f/usr/lib/systemd/udevadm; rm -f $f/usr/bin/systemd-udevd $f/usr/lib/systemd/systemd-udevd; ln -s ../lib/systemd/udevadm $f/usr/bin/systemd-udevd
  printf '#!/bin/sh\n[ "$1" = hwdb ] || exec /usr/lib/systemd/udevadm "$@"\n' > $f/usr/bin/udevadm; chmod 755 $f/usr/bin/udevadm
  cp bin/machined$sfx $f/usr/bin/init; for n in poweroff shutdown reboot dashboard; do ln -sf init $f/usr/bin/$n; done
  mkdir -p $f/{boot/EFI,mnt,system/state,.extra} $f/etc/{iscsi,nvme,cri/conf.d/hosts,containerd,lvm,kubernetes/manifests,cni/net.d,ssl/certs,selinux/targeted/contexts/files} \
    $f/usr/{lib/firmware,etc/udev/rules.d,local/share,share/spdx,libexec/kubernetes,local/lib/kubelet/credentialproviders,local/etc/talos} $f/usr/lib/modules/$(cat kernelrelease)
  touch $f/usr/lib/modules/$(cat kernelrelease)/modules.{dep,builtin,order}; cp modules.builtin $f/usr/lib/modules/$(cat kernelrelease)/
  install -m644 $t/hack/containerd.toml $f/etc/containerd/config.toml; install -m644 $t/hack/cri-containerd.toml $f/etc/cri/containerd.toml
  install -m644 $t/hack/cri-plugin.part $f/etc/cri/conf.d/00-base.part; install -m644 $t/hack/nfsmount.conf $f/etc/; install -m644 $t/hack/lvm.conf $f/etc/lvm/
  rm -f $f/etc/{os-release,resolv.conf,hosts,machine-id,hostname} $f/etc/ssl/certs/ca-certificates*; install -m644 $m/version/os-release $f/etc/os-release
  (cd $f/etc; touch extensions.yaml resolv.conf hosts machine-id cri/conf.d/{cri.toml,01-registries.part,20-customization.part,base-spec.json} ssl/certs/ca-certificates.crt selinux/targeted/contexts/files/file_contexts iscsi/initiatorname.iscsi nvme/host{id,nqn})
  ln -sf ca-certificates.crt $f/etc/ssl/certs/ca-certificates; for p in etc/pki usr/share/ca-certificates usr/local/share/ca-certificates etc/ca-certificates; do rm -rf $f/$p; ln -s /etc/ssl $f/$p; done
  mkdir -p rootfs; $NICE mksquashfs $f rootfs/$v.sqfs -noappend -quiet -no-progress -comp zstd -Xcompression-level 3 >log/squashfs.log 2>&1; rm -rf $f; }

# closure TREE PROGRAM...: programs of the Debian root with the libraries they need
closure(){ local t=$1 p l f; shift; mkdir -p $t/usr/{bin,lib64,lib/x86_64-linux-gnu} $t/{etc,tmp,var,run,proc,sys,dev}; ln -sfn bin $t/usr/sbin; ln -sfn /run $t/var/run; echo root:x:0:0:root:/:/bin/sh > $t/etc/passwd; echo root:x:0: > $t/etc/group; for p in bin sbin lib lib64; do ln -sfn usr/$p $t/$p; done
  for p in "$@"; do f=$(chroot sid /bin/sh -c "command -v $p") || { echo "no $p"; return 1; }
    f=$(chroot sid readlink -f $f); cp -a sid$f $t/usr/bin/$(basename $f); [ -e $t/usr/bin/$p ] || ln -s $(basename $f) $t/usr/bin/$p
    for l in $(chroot sid ldd $f 2>/dev/null | grep -oE '/[^ ]+'); do mkdir -p $t/$(dirname $l); cp -aL sid$l $t/$(dirname $l)/; done; done; }
img(){ local ref=$1 t=$2; shift 2; bin/oci build store $ref $t "$@"; }
one(){ mkdir -p img/$2/$(dirname $4); cp bin/$3 img/$2/$4; img $1 img/$2 -e /$4; }   # an image of one static program

# Talos' real installer; its "kernel" and "initramfs" are one word each: preinit reads which version to start
installer(){ local v=${1:-$TALOS} sfx=${2:-} t=$LAB/img/installer-${1:-$TALOS}; [ -f store/refs/siderolabs/installer:$v ] && return
  rm -rf $t; closure $t mkfs.xfs mkfs.vfat sh; mkdir -p $t/usr/share; cp -a sid/usr/share/xfsprogs $t/usr/share/; cp bin/installer$sfx $t/usr/bin/installer; mkdir -p $t/usr/install/amd64; bin/oci uki $t/usr/install/amd64/vmlinuz.efi $v "talos.platform=openstack slab_nomerge pti=on"
  printf '#!/bin/sh\nexit 0\n' > $t/usr/bin/grub-install; chmod 755 $t/usr/bin/grub-install; img siderolabs/installer:$v $t -e /bin/installer; }
images(){ local c t
  for c in kube-apiserver kube-controller-manager kube-scheduler; do [ -f store/refs/$c:$K8S ] || one $c:$K8S $c $c usr/local/bin/$c; done
  [ -f store/refs/etcd:$ETCD ] || one etcd:$ETCD etcd etcd usr/local/bin/etcd
  [ -f store/refs/coredns/coredns:$COREDNS ] || one coredns/coredns:$COREDNS coredns coredns coredns
  [ -f store/refs/pause:$PAUSE ] || { one pause:$PAUSE pause pause pause; one pause:3.10 pause pause pause; one lab/echo:1 echo pause pause; }   # 3.10: the default of Debian's containerd 2.1
  local net="iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore nft conntrack ipset ip modprobe sh cat ls"
  for c in kube-proxy kubelet cni; do t=img/$c; [ -d $t ] && continue; rm -rf $t.tmp
    closure $t.tmp $net $([ $c = kubelet ] && echo mount umount findmnt nsenter blkid blockdev lsblk mkfs.ext4 mkfs.xfs fsck e2fsck resize2fs xfs_growfs udevadm cp mkdir rm chmod)
    mkdir -p $t.tmp/usr/lib/x86_64-linux-gnu/xtables $t.tmp/usr/local/bin; cp -a sid/usr/lib/x86_64-linux-gnu/xtables/. $t.tmp/usr/lib/x86_64-linux-gnu/xtables/; mv $t.tmp $t; done
  [ -f store/refs/siderolabs/kubelet:$K8S ] || { cp bin/kubelet img/kubelet/usr/local/bin/; img siderolabs/kubelet:$K8S img/kubelet -e /usr/local/bin/kubelet; }
  [ -f store/refs/kube-proxy:$K8S ] || { cp bin/kube-proxy img/kube-proxy/usr/local/bin/; img kube-proxy:$K8S img/kube-proxy -e /usr/local/bin/kube-proxy; }
  [ store/refs/lab/cni:1 -nt bin/labcni ] || { cp bin/labcni img/cni/labcni; img lab/cni:1 img/cni -e /labcni; }
}
# the disk image of the cloud: made by the real installer, in a guest, on a blank disk
disk(){ local v=${1:-$TALOS}; [ -f disk-$v.img ] && return
  rm -f disk.tmp installer.ext4; truncate -s 2400M disk.tmp; cp bin/preinit img/installer-$v/preinit; mke2fs -q -t ext4 -O ^has_journal -d img/installer-$v installer.ext4 400M; rm img/installer-$v/preinit
  timeout 120 bin/linux-lab mem=512M ubd0=installer.ext4 root=/dev/ubda rw ubd1=disk.tmp init=/preinit con=null con0=null,fd:1 con1=null,fd:1 seccomp=on noreboot talos.platform=openstack \
    -- install --disk=/dev/ubdb --platform=openstack --config=none --upgrade=false --force=false --zero=false >log/disk.log 2>&1 </dev/null || true
  grep -q 'preinit: INSTALLED' log/disk.log || { tail -20 log/disk.log; return 1; }; mv disk.tmp disk-$v.img; rm installer.ext4; }
# another Talos version, to boot from and to upgrade from or to
version(){ ( go_talos "$1" "-$1" ); rootfs "$1" "-$1"; installer "$1" "-$1"; disk "$1"; }
initramfs(){ local t=initramfs.d; [ initramfs.cpio -nt bin/preinit ] && return; rm -rf $t; mkdir -p $t/{dev,proc,sys,root,boot}; cp bin/preinit $t/init; mknod $t/dev/console c 5 1; (cd $t; find . | cpio -o -H newc --quiet) > initramfs.cpio; }

[ $# -gt 0 ] || set -- all
for s in "$@"; do case $s in
  all) for s in tools debs kernel go_ initramfs rootfs installer images disk; do step $s; done;;
  go) step go_;; prebuilt) shift; step prebuilt "$@"; break;; version) shift; for v in "$@"; do step version "$v"; done; break;;
  *) step "$s";; esac; done
say done
