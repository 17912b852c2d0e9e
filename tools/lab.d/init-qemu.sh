#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
#
# /init of the QEMU guest: mounts the host's root under a tmpfs and hands over to guest.sh.

B=/bin/busybox
$B mount -t proc proc /proc
$B mount -t sysfs sys /sys
$B mount -t devtmpfs dev /dev
for m in $($B cat /modules/list); do $B insmod "/modules/$m" 2>/dev/null; done
for word in $($B cat /proc/cmdline); do
	case $word in
	vm.run=*) run=${word#*=} ;;
	vm.rw=*) rw=${word#*=} ;;
	vm.modules=*) modules=${word#*=} ;;
	vm.interactive=*) interactive=${word#*=} ;;
	esac
done
$B mount -t virtiofs hostroot /host || { echo "vm: cannot mount the host's root"; $B reboot -f; }
$B mount -t tmpfs -o mode=755 tmp /up
$B mkdir /up/u /up/w
$B mount -t overlay -o lowerdir=/host,upperdir=/up/u,workdir=/up/w root /new || { echo "vm: no overlay"; $B reboot -f; }
for d in proc sys dev; do
	$B mkdir -p /new/$d
	$B mount --move /$d /new/$d
done
$B mount -t tmpfs -o mode=755 run /new/run
for d in $(echo "$rw" | $B tr , ' '); do
	$B mkdir -p "/new$d"
	$B mount -o bind "/host$d" "/new$d"
done
D=/new/dev
$B mkdir -p $D/pts $D/shm
$B mount -t devpts -o ptmxmode=666 pts $D/pts
$B mount -t tmpfs shm $D/shm
$B mount -t debugfs debug /new/sys/kernel/debug
$B mount -t tracefs trace /new/sys/kernel/tracing
$B mount -t cgroup2 cgroup /new/sys/fs/cgroup
$B ln -s /proc/self/fd $D/fd
$B ln -s fd/0 $D/stdin
$B ln -s fd/1 $D/stdout
$B ln -s fd/2 $D/stderr
$B ip link set lo up
$B hostname vm
if [ -n "$modules" ]; then
	$B mkdir -p "/new/lib/modules/${modules##*/}"
	$B mount -o bind "/host$modules" "/new/lib/modules/${modules##*/}"
fi
out=/dev/ttyS1
if [ "$interactive" = 0 ]; then
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		for port in /new/dev/vport*p1; do :; done
		[ -e "$port" ] && break
		$B sleep 0.1
	done
	out=${port#/new}
fi
# guest.sh must not be process 1: if a shell there ended, the kernel would panic
# shellcheck disable=SC2016
exec $B switch_root /new "$run/busybox" sh -c '/bin/bash "$0/guest.sh" "$0" "$1"; echo b > /proc/sysrq-trigger' "$run" "$out"
