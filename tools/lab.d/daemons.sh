# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The gateway's and the agents' configuration in the lab, and when they are ready.

# lab_sluiced_config LINE...: the lines go in front, those after "network: " to the first network's settings; one of
# metrics replaces the lab's; "kds" is the table that names the lab's key servers
lab_sluiced_config() {
	local line kds='' of_network='' metrics='metrics = "127.0.0.1:9469"'
	{
		for line; do
			case $line in
			'network: '*) of_network+=${line#network: }$'\n' ;;
			'metrics = '*) metrics=$line ;;
			kds) kds=$'[kds]\nrealm = "lab"\n'"servers = [\"$LAB_KDS_ADDRESS:8443\", \"$LAB_KDS2_ADDRESS:8443\"]"$'\n[policy]\nport = 4510' ;;
			*) echo "$line" ;;
			esac
		done
		cat <<-END
		name = "gw1"
		listen = ["$LAB_GATEWAY_WAN:443", "[$LAB_GATEWAY_WAN6]:443"]
		certificate = "$LAB_PKI/gw1.crt"
		key = "$LAB_PKI/gw1.key"
		authority = "$LAB_PKI/ca.crt"
		revoked = "$LAB_PKI/ca.crl"
		dead_after = "10s"
		$metrics

		[esp]
		udp_port = 4500
		source = ["$LAB_GATEWAY_WAN", "$LAB_GATEWAY_WAN6"]
		$kds

		[[network]]
		name = "$LAB_NETWORK"
		addresses = ["$LAB_GW", "$LAB_GW6"]
		$of_network
		  [[network.client]]
		  id = $LAB_CLIENT_ID
		  access = "$LAB_ACCESS"
		  addresses = ["$LAB_CLIENT_ADDRESS", "$LAB_CLIENT_ADDRESS6"]
		  [[network.client]]
		  id = 2
		  access = "$LAB_ACCESS"
		  addresses = ["$LAB_CLIENT2_ADDRESS", "$LAB_CLIENT2_ADDRESS6"]
		  [[network.pool]]
		  ipv4 = "100.80.0.0"
		  ipv6 = "fd80::"
		  [[network.client]]
		  id = $LAB_ESP_CLIENT_ID
		  access = "esp"
		  addresses = ["100.80.0.0/12", "fd80::/64"]
		  [[network.route]]
		  prefix = "10.20.0.0/16"
		  agents = ["berlin"]
		  [[network.route]]
		  prefix = "fd20::/48"
		  agents = ["berlin"]

		[[network]]
		name = "$LAB_NETWORK2"
		addresses = ["$LAB_OTHER_GW", "$LAB_OTHER_GW6"]
		  [[network.client]]
		  id = 3
		  access = "$LAB_ACCESS2"
		  addresses = ["$LAB_OTHER_ADDRESS", "$LAB_OTHER_ADDRESS6"]
		  [[network.route]]
		  prefix = "10.20.0.0/16"
		  agents = ["paris"]
		  [[network.route]]
		  prefix = "fd20::/48"
		  agents = ["paris"]
		END
	} > "$LAB_RUN/sluiced.toml"
}

# lab_agent_config FILE NAME NETWORK [KEY=VALUE...]: the caller's settings replace the lab's
lab_agent_config() {
	local file=$1 name=$2 network=$3 pair
	declare -A settings=([gateway]=gw.lab:443 [pool]=4 [connect_timeout]=60s [dead_after]=10s [metrics]="[::1]:9470")
	shift 3
	for pair; do settings[${pair%%=*}]=${pair#*=}; done
	{
		echo "name = \"$name\""
		echo "network = \"$network\""
		echo "certificate = \"$LAB_PKI/$name.crt\""
		echo "key = \"$LAB_RUN/$name.key\""
		echo "authority = \"$LAB_PKI/ca.crt\""
		echo "revoked = \"$LAB_PKI/ca.crl\""
		for pair in "${!settings[@]}"; do
			case ${settings[$pair]} in
			'') ;;
			*[!0-9]*) echo "$pair = \"${settings[$pair]}\"" ;;
			*) echo "$pair = ${settings[$pair]}" ;;
			esac
		done
	} > "$file"
	chmod 644 "$file"
	# its key is the agent's own, who is nobody in particular
	install -m 400 -o nobody "$LAB_PKI/$name.key" "$LAB_RUN/$name.key"
}

# What was set before stays set.
lab_agent_settings() {
	local pair
	touch "$LAB_RUN/agent.settings"
	for pair; do echo "$pair" >> "$LAB_RUN/agent.settings"; done
	mapfile -t pairs < "$LAB_RUN/agent.settings"
	lab_agent_config "$LAB_RUN/agent.toml" berlin "$LAB_NETWORK" "${pairs[@]}"
}

# lab_agent_may raw|nothing: whether the agent may open raw sockets
lab_agent_may() {
	case $1 in
	raw) echo net_raw > "$LAB_RUN/agent.capability" ;;
	nothing) rm -f "$LAB_RUN/agent.capability" ;;
	*) return 1 ;;
	esac
}

lab_gateway_settings() { lab_sluiced_config "$@"; }

lab_daemons_config() {
	lab_sluiced_config
	lab_agent_config "$LAB_RUN/agent.toml" berlin "$LAB_NETWORK"
	lab_agent_config "$LAB_RUN/agent2.toml" paris "$LAB_NETWORK2"
}

# Ready means: a client of each network gets its bytes back through gateway and agent.
lab_ready() {
	lab_wait_in client echo=$LAB_OPEN echo=$LAB_OPEN6 && lab_wait_in other echo=$LAB_OPEN
}
