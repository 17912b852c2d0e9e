# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The first process in the guest after its file systems are in place: guest.sh RUN OUTPUT.  Runs the
# command, then looks at what the kernel said meanwhile.  The exit code is written last of all, so a
# guest that dies in the leak scan has no verdict.

RUN=$1 OUT=$2 B=$RUN/busybox
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb VM=1
cwd=/ kernel_debug=0 interactive=0 rows='' columns=''
. "$RUN/environment"
cd "$cwd" 2>/dev/null || cd /

# Only what comes after this mark counts; UML for one gives a false alarm of its own while it boots.
mark="sluice-vm: the command starts"
echo "$mark" > /dev/kmsg
read -r began _ < /proc/uptime
echo "$began" > "$RUN/started"
# The kernel's own count, which stands in kmemleak's reports: on a busy host it lags behind the clock.
began_jiffies=$($B awk '/^jiffies: / { print $2; exit }' /proc/timer_list)

if [ "$interactive" = 1 ]; then
	$B stty -F "$OUT" sane ${rows:+rows $rows} ${columns:+cols $columns}
	$B setsid -c /bin/bash "$RUN/command" < "$OUT" > "$OUT" 2>&1
else
	$B setsid /bin/bash "$RUN/command" < /dev/null > "$OUT" 2>&1
fi
code=$?

# Leaks: an object counts when it was allocated after the command began.  kmemleak reports nothing
# younger than 5 s, and its first scan may be fooled by a pointer in flight: scan, wait, scan.
leaks=/sys/kernel/debug/kmemleak
if [ "$kernel_debug" = 1 ] && ! $B grep -q kmemleak=off /proc/cmdline; then
	if echo scan > $leaks && $B sleep 6 && echo scan > $leaks && [ -n "$began_jiffies" ]; then
		$B awk -v began="$began_jiffies" -f "$RUN/leaks.awk" $leaks
	else
		echo "kmemleak can't scan"
	fi > "$RUN/complaints" 2>&1
fi
$B dmesg > "$RUN/dmesg"
$B awk -v mark="$mark" -f "$RUN/complaints.awk" "$RUN/dmesg" >> "$RUN/complaints"
$B sync
echo "$code" > "$RUN/exit.new"
$B mv "$RUN/exit.new" "$RUN/exit"
$B sync
