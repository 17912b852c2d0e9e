# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2054  # the variables are vm's
#
# boot for QEMU: the host's / by virtiofs under a tmpfs overlay, the command's output on a virtio port.

# A KVM device may be there and be worth nothing (nested, or emulated): emulate unless told otherwise.
accel=${VM_ACCEL:-tcg,thread=multi}
if [ -n "$icount" ]; then
	# Time is what has been executed, and where there is nothing to execute it jumps to the next timer:
	# nothing that is measured depends on the host or on what else it does.
	accel=tcg,thread=single cpus=1 qemu_args+=" -icount shift=$icount,sleep=off,align=off"
fi
# QEMU 7.2 computes wrong flags for an emulated cmpxchg16b; 6.12 crashes on it in one boot of four.
cpu=${VM_CPU:-max,la57=off,cx16=off}

# Non-zero and no message: there is nothing to load (everything is built in).
initramfs_modules() {
	local root module
	root=$(kernel_modules)
	[ -n "$root" ] || return 0
	for module in virtio_pci virtiofs overlay virtio_console virtio_rng; do
		modprobe -d "$root" -S "$KERNEL_RELEASE" --show-depends "$module" 2>/dev/null
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

# initramfs: a static busybox, the modules that reach the root, and init; kept by its contents
initramfs() {
	local hash dir file base
	hash=$({ cat "$LAB_D/init-qemu.sh" "$(command -v busybox)"; initramfs_modules; } | sha256sum | cut -c1-16)
	INITRAMFS=$CACHE/initramfs/$KERNEL_RELEASE-$hash.cpio
	[ -s "$INITRAMFS" ] && return
	mkdir -p "$CACHE/initramfs"
	dir=$(mktemp -d)
	mkdir -p "$dir"/{bin,modules,proc,sys,dev,host,up,new}
	cp "$(command -v busybox)" "$dir/bin/busybox"
	cp "$LAB_D/init-qemu.sh" "$dir/init"
	chmod +x "$dir/init"
	: > "$dir/modules/list"
	initramfs_modules | while read -r file; do
		base=${file##*/}
		case $base in
		*.xz) base=${base%.xz}; xz -dc "$file" > "$dir/modules/$base" ;;
		*.zst) base=${base%.zst}; zstd -qdc "$file" > "$dir/modules/$base" ;;
		*) cp "$file" "$dir/modules/$base" ;;
		esac
		echo "$base" >> "$dir/modules/list"
	done
	(cd "$dir" && find . | cpio -o -H newc --quiet) > "$INITRAMFS.$$" && mv "$INITRAMFS.$$" "$INITRAMFS"
	rm -rf "$dir"
}

boot() {
	local args root words cat_pid fs_pid status

	initramfs
	cp "$(command -v busybox)" "$RUN/busybox"
	root=$(kernel_modules)
	rm -f "$RUN/fs.sock" "$RUN/out.fifo"
	/usr/lib/qemu/virtiofsd --socket-path="$RUN/fs.sock" -o source=/ -o cache=always -o sandbox=chroot \
		--thread-pool-size=1 -f > "$RUN/virtiofsd.log" 2>&1 &
	fs_pid=$!
	for _ in $(seq 250); do
		[ -S "$RUN/fs.sock" ] && break
		kill -0 $fs_pid 2>/dev/null || { cat "$RUN/virtiofsd.log" >&2; return 1; }
		sleep 0.02
	done
	words="console=ttyS0 panic=-1 oops=panic quiet mitigations=off nokaslr no_timer_check tsc=reliable"
	words+=" random.trust_cpu=on rcupdate.rcu_expedited=1 log_buf_len=4M vm.run=$RUN"
	words+=" vm.rw=$(IFS=,; echo "${rw[*]}") vm.interactive=$interactive"
	[ -n "$root" ] && [ "$root" != / ] && words+=" vm.modules=$root/lib/modules/$KERNEL_RELEASE"
	# The leak detector makes everything some times slower here; User-Mode Linux has it on always.
	[ $KERNEL_DEBUG = 1 ] && words+=" kasan_multi_shot kmemleak=${VM_KMEMLEAK:-off} watchdog_thresh=60"
	args=(-nodefaults -no-user-config -display none -no-reboot -machine q35 -accel "$accel" -cpu "$cpu"
		-smp "$cpus" -m "$mem" -kernel "$KERNEL_IMAGE" -initrd "$INITRAMFS" -append "$words $append"
		-chardev "file,id=con,path=$RUN/console" -serial chardev:con
		-object "memory-backend-memfd,id=mem,size=${mem}M,share=on" -numa node,memdev=mem
		-chardev "socket,id=fs,path=$RUN/fs.sock"
		-device vhost-user-fs-pci,chardev=fs,tag=hostroot,queue-size=1024 -device virtio-rng-pci)
	if [ "$interactive" = 1 ]; then
		args+=(-chardev stdio,id=tty,signal=off -serial chardev:tty)
		# shellcheck disable=SC2086
		timeout --foreground -k 5 "$limit" qemu-system-x86_64 "${args[@]}" $qemu_args
		status=$?
	else
		# A fifo, not -chardev stdio: at the end of standard input QEMU marks that port as
		# disconnected and the guest's writes block.
		mkfifo "$RUN/out.fifo"
		args+=(-device virtio-serial -chardev "file,id=out,path=$RUN/out.fifo"
			-device virtserialport,chardev=out,name=vm.out)
		cat "$RUN/out.fifo" &
		cat_pid=$!
		# shellcheck disable=SC2086
		timeout -k 5 "$limit" qemu-system-x86_64 "${args[@]}" $qemu_args < /dev/null &
		qemu_pid=$!
		pids+=("$qemu_pid")
		wait $qemu_pid
		status=$?
		# QEMU that never opened the fifo leaves cat waiting for a writer
		[ $status = 0 ] || { sleep 0.3; kill $cat_pid; } 2>/dev/null
		wait $cat_pid 2>/dev/null
	fi
	kill $fs_pid 2>/dev/null
	wait $fs_pid 2>/dev/null
	return $status
}
