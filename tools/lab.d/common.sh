# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034  # the sourcing scripts use the variables
#
# What every host-side part of the lab shares: where things are, and which kernel a name means.

LAB_D=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
TOP=$(readlink -f "$LAB_D/../..")
BUILD=${SLUICE_BUILD:-$TOP/build}
CACHE=${SLUICE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice}

die() { echo "${0##*/}: $*" >&2; exit 125; }

# newest_image PATTERN: the newest kernel image in /boot that has headers to build the module with
newest_image() {
	local image best=
	for image in $(compgen -G "/boot/vmlinuz-$1" | sort -V); do
		[ -d "/usr/src/linux-headers-${image#/boot/vmlinuz-}" ] && best=$image
	done
	[ -n "$best" ] && echo "$best"
}

# kernel_resolve NAME: sets KERNEL_NAME (for folders), KERNEL_KIND (qemu or uml), KERNEL_IMAGE,
# KERNEL_RELEASE, KERNEL_DIR (for make -C), KERNEL_ARCH and KERNEL_DEBUG (1: has the sanitizers)
kernel_resolve() {
	local name=$1
	KERNEL_NAME=$name KERNEL_KIND=qemu KERNEL_ARCH=x86_64 KERNEL_DEBUG=0 KERNEL_DIR='' KERNEL_RELEASE=''
	case $name in
	stock)
		KERNEL_IMAGE=$(newest_image '6.1.*-cloud-amd64' || newest_image '6.1.*-amd64' || newest_image '*') ||
			die "no kernel with headers in /boot: run tools/install-packages" ;;
	6.12)
		KERNEL_IMAGE=$(newest_image '6.12.*-cloud-amd64' || newest_image '6.12.*') ||
			die "no 6.12 kernel with headers in /boot: run tools/install-packages" ;;
	running)
		KERNEL_RELEASE=$(uname -r)
		KERNEL_IMAGE=/boot/vmlinuz-$KERNEL_RELEASE ;;
	uml | debug)
		KERNEL_DIR=$("$TOP/tools/kernels/build" "$name") || die "kernel $name: not built"
		KERNEL_DEBUG=1
		KERNEL_IMAGE=$KERNEL_DIR/arch/x86/boot/bzImage
		[ "$name" = uml ] && KERNEL_KIND=uml KERNEL_ARCH=um KERNEL_IMAGE=$KERNEL_DIR/linux
		KERNEL_RELEASE=$(cat "$KERNEL_DIR/include/config/kernel.release") ;;
	*)
		KERNEL_IMAGE=$name
		[ -e "$name" ] || KERNEL_IMAGE=/boot/vmlinuz-$name
		[ -r "$KERNEL_IMAGE" ] || die "no kernel $name"
		KERNEL_IMAGE=$(readlink -f "$KERNEL_IMAGE")
		KERNEL_NAME=${KERNEL_IMAGE##*/} ;;
	esac
	if [ -z "$KERNEL_RELEASE" ]; then
		KERNEL_RELEASE=$(file -bL "$KERNEL_IMAGE" | sed -n 's/.*version \([^ ]*\).*/\1/p')
		[ -n "$KERNEL_RELEASE" ] || KERNEL_RELEASE=${KERNEL_IMAGE##*/vmlinuz-}
	fi
	if [ -z "$KERNEL_DIR" ]; then
		# a kernel may have been unpacked privately: X/boot/vmlinuz-V goes with X/usr/src/linux-headers-V
		KERNEL_DIR=${KERNEL_IMAGE%/boot/*}/usr/src/linux-headers-$KERNEL_RELEASE
		[ -d "$KERNEL_DIR" ] || KERNEL_DIR=/lib/modules/$KERNEL_RELEASE/build
	fi
}

# kernel_modules: the root under which lib/modules/KERNEL_RELEASE is, or nothing
kernel_modules() {
	local root=${KERNEL_IMAGE%/boot/*}
	for root in "$root" "$root/usr" /; do
		[ -d "$root/lib/modules/$KERNEL_RELEASE" ] && { echo "${root:-/}"; return; }
	done
}
