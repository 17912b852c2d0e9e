# SPDX-License-Identifier: Apache-2.0
# From kmemleak's report, the objects allocated since uptime "began".  The report gives jiffies, which
# start five minutes before 2^32 so that their wrapping shows.
BEGIN { oldest = 4294967296 - 300 * hz + (began - 0.1) * hz }
/^unreferenced object/ { head = $0; show = 0; next }
/, jiffies / {
	split($0, part, ", jiffies ")
	show = part[2] + 0 >= oldest
	if (show)
		print head
}
show
