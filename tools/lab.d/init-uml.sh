#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
#
# init of the User-Mode Linux guest: the host's root is already there (hostfs, read-only); puts a tmpfs
# over it and hands over to guest.sh.

B=${0%/init}/busybox
$B mount -t proc proc /proc
for word in $($B cat /proc/cmdline); do
	case $word in vm.run=*) run=${word#*=} ;; vm.rw=*) rw=${word#*=} ;; esac
done
$B umount /proc
$B mount -t tmpfs up /mnt
$B mkdir /mnt/u /mnt/w /mnt/n /mnt/rw
$B mount -t overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w root /mnt/n || echo "vm: no overlay"
N=/mnt/n
$B mount -t proc proc $N/proc
$B mount -t sysfs sys $N/sys
$B mount -t devtmpfs dev $N/dev
$B mount -t tmpfs -o mode=755 run $N/run
$B mount -t debugfs debug $N/sys/kernel/debug
$B mount -t tracefs trace $N/sys/kernel/tracing 2>/dev/null
$B mkdir -p $N/dev/pts $N/dev/shm
$B mount -t devpts -o ptmxmode=666 pts $N/dev/pts
$B mount -t tmpfs shm $N/dev/shm
for l in fd:/proc/self/fd stdin:fd/0 stdout:fd/1 stderr:fd/2; do
	[ -e "$N/dev/${l%%:*}" ] || $B ln -s "${l#*:}" "$N/dev/${l%%:*}"
done
for d in $(echo "$rw" | $B tr , ' '); do
	$B mkdir -p "/mnt/rw$d" "$N$d"
	$B mount -t hostfs -o "$d" none "/mnt/rw$d"
	$B mount -o bind "/mnt/rw$d" "$N$d"
done
$B stty -F $N/dev/tty1 -opost
$B ip link set lo up
$B hostname vm
$B chroot $N /bin/bash "$run/guest.sh" "$run" /dev/tty1
$B poweroff -f
