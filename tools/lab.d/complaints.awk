# SPDX-License-Identifier: Apache-2.0
# From the kernel's log, what it complains of after the last line with "mark", with 40 lines after each.
index($0, mark) { n = 0; delete line; next }
{ line[n++] = $0 }
END {
	for (i = 0; i < n; i++) {
		# not in a stack trace: there a word is only part of a function's name
		if (line[i] !~ /^\[ *[0-9.]+\] +(\[<[0-9a-f]+>\] )?(\? )?[A-Za-z0-9_.]+\+0x/ && line[i] ~ complaint)
			left = 40
		if (left-- > 0)
			print line[i]
	}
}
BEGIN {
	complaint = "BUG[: ]|WARNING: |Oops|KASAN|UBSAN|ODEBUG|INFO: task|unreferenced object|general protection|" \
		"refcount_t:|unregister_netdevice: waiting|NULL pointer|suspicious RCU|inconsistent lock state|" \
		"circular locking|held lock|still held|Kernel panic|stall on CPU"
}
