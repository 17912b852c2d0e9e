# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# How the debug kernels are made.  This file is part of the cache key: change it and they are built anew.
# SOURCE is the unpacked tree, OUT the build folder, FRAGMENTS the configuration.

prepare_source() {
	# UML 6.1 keeps 2696 bytes of a task's FP state; a host with AMX has 11008 and PTRACE_SETREGSET wants
	# them all, else every process dies at its first return to user mode.  (6.13 sizes it at run time.)
	sed -i 's/DEFINE_LONGS(HOST_FP_SIZE, 2696)/DEFINE_LONGS(HOST_FP_SIZE, 11072)/' "$1/arch/x86/um/user-offsets.c"
}

fragments_of() {
	case $1 in
	uml) echo uml-base.config net.config uml-debug.config ;;
	debug) echo vm-base.config net.config debug.config x86-crypto.config ;;
	*) return 1 ;;
	esac
}

configure() {
	case $1 in
	uml)
		cat "${FRAGMENTS[@]}" > "$OUT/.config" ;;
	debug)
		make -s -C "$SOURCE" ARCH=x86_64 O="$OUT" tinyconfig || return
		cp "$OUT/.config" "$OUT/tiny.config"
		(cd "$OUT" && "$SOURCE/scripts/kconfig/merge_config.sh" -m -O "$OUT" tiny.config "${FRAGMENTS[@]}") || return ;;
	esac
	make -s -C "$SOURCE" ARCH="$(arch_of "$1")" O="$OUT" olddefconfig || return
	local missing
	missing=$(cat "${FRAGMENTS[@]}" | grep -E '^CONFIG_[A-Z0-9_]+=' | sort -u | grep -vxFf "$OUT/.config")
	[ -z "$missing" ] || { echo "asked for and not granted:" "$missing"; return 1; }
}

arch_of() {
	[ "$1" = uml ] && echo um || echo x86_64
}

compile() {
	local targets=(bzImage modules)
	[ "$1" = uml ] && targets=(linux modules)
	make -s -C "$SOURCE" ARCH="$(arch_of "$1")" O="$OUT" -j"${JOBS:-2}" "${targets[@]}"
}
