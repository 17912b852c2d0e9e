# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154  # the variables are vm's
#
# boot for User-Mode Linux: the host's / by hostfs under a tmpfs overlay, the command's output on tty1.

boot() {
	local channels status

	cp "$(command -v busybox)" "$RUN/busybox"
	cp "$LAB_D/init-uml.sh" "$RUN/init"
	# the interpreter line has to name a path that exists before anything is mounted
	sed -i "1s|.*|#!$RUN/busybox sh|" "$RUN/init"
	chmod +x "$RUN/init"
	channels="con=none con0=null,fd:2 con1=null,fd:1"
	[ "$interactive" = 1 ] && channels="con=none con0=null,fd:2 con1=fd:0,fd:1"
	# shellcheck disable=SC2086
	set -- "$KERNEL_IMAGE" "mem=${mem}M" rootfstype=hostfs rootflags=/ ro "init=$RUN/init" $channels \
		quiet log_buf_len=4M kasan_multi_shot panic=-1 oops=panic "vm.run=$RUN" "vm.rw=$(IFS=,; echo "${rw[*]}")" $append
	if [ "$interactive" = 1 ]; then
		local saved
		saved=$(stty -g 2>/dev/null)
		TMPDIR=/dev/shm timeout --foreground -k 5 "$limit" "$@" 2> "$RUN/console"
		status=$?
		[ -n "$saved" ] && stty "$saved"
	else
		TMPDIR=/dev/shm timeout -k 5 "$limit" "$@" < /dev/null 2> "$RUN/console" &
		pids+=($!)
		wait $!
		status=$?
	fi
	return $status
}
