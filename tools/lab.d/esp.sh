# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The lab's ESP clients: a generation of keys for the gateway, a key file for each client, and stock xfrm on its host.

# lab_esp_key ID INCARNATION GATEWAY FILE [OPTION...]: a client's key file, of the generation that was brought in last
lab_esp_key() {
	local id=$1 incarnation=$2 gateway=$3 file=$4
	shift 4
	sluice key derive --master-key-file "$LAB_RUN/esp/master" --generation "$(cat "$LAB_RUN/esp/generation")" --id "$id" \
		--incarnation "$incarnation" --gateway "$gateway" --inner "100.80.0.$id" --inner "fd80::$(printf %x "$id")" \
		--route 10.0.0.0/8 --route fd20::/16 --route fd99::/16 --route "$LAB_GW/32" --route "$LAB_GW6/128" --output "$file" "$@"
}

# lab_esp_generation NUMBER: keys of its own, for the gateway, as the current ones
lab_esp_generation() {
	rm -f "$LAB_RUN/esp/master"
	echo "$1" > "$LAB_RUN/esp/generation"
	sluice key master --output "$LAB_RUN/esp/master" &&
		ip netns exec gateway sluice generation new --number "$1" --master-key-file "$LAB_RUN/esp/master" &&
		ip netns exec gateway sluice generation promote --number "$1"
}

# lab_esp_client NAMESPACE [OPTION...]: up, with the key file of its name
lab_esp_client() {
	local client=$1
	shift
	RUNTIME_DIRECTORY=$LAB_RUN/esp/$client ip netns exec "$client" sluice-client up --static "$LAB_RUN/esp/$client.toml" "$@" \
		> "$LAB_RUN/log/$client.log" 2>&1 || { cat "$LAB_RUN/log/$client.log" >&2; return 1; }
}

# What the clients' kernel needs and the gateway's does not; on the debug kernels it is built in.
lab_esp_up() {
	local client interface=()
	modprobe -qa esp4 esp6 xfrm_user
	# a kernel of the lab without XFRM interfaces has its clients' inner addresses on lo
	modprobe -q xfrm_interface || interface=(--interface lo)
	mkdir -p "$LAB_RUN"/esp/{esp,espnat,esp6}
	chmod 700 "$LAB_RUN/esp"
	lab_esp_generation 1 || return 1
	lab_esp_key 17 0 "$LAB_GATEWAY_WAN" "$LAB_RUN/esp/esp.toml" &&
		lab_esp_key 18 0 "$LAB_GATEWAY_WAN" "$LAB_RUN/esp/espnat.toml" --udp-port 4500 &&
		lab_esp_key 19 0 "$LAB_GATEWAY_WAN6" "$LAB_RUN/esp/esp6.toml" || return 1
	for client in esp espnat esp6; do lab_esp_client $client "${interface[@]}" || return 1; done
}

# Their stock kernels hold references to devices and states that a leak scan would see.
lab_esp_down() {
	local client
	for client in esp espnat esp6; do
		[ ! -d "$LAB_RUN/esp/$client" ] || RUNTIME_DIRECTORY=$LAB_RUN/esp/$client ip netns exec $client sluice-client down > /dev/null 2>&1
	done
}

# Ready means: each gets its bytes back through gateway and agent.
lab_esp_ready() {
	local client
	for client in esp espnat esp6; do lab_wait_in $client echo=$LAB_OPEN || return 1; done
}
