# SPDX-License-Identifier: Apache-2.0
# From kmemleak's report, the objects allocated since the kernel's jiffies stood at "began".
/^unreferenced object/ { head = $0; show = 0; next }
/, jiffies / {
	split($0, part, ", jiffies ")
	show = part[2] + 0 >= began + 0
	if (show)
		print head
}
show
