# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The lab's key servers: two processes that share a store, and DHCP and DNS by which a device finds them.

# lab_kds_config NAME ADDRESS ADDRESS6 LINE...: the lines are gw1's settings
lab_kds_config() {
	local name=$1 ipv4=$2 ipv6=$3
	shift 3
	cat > "$LAB_RUN/kds/$name.toml" <<-END
	name = "$name"
	realm = "lab"
	listen = ["$ipv4:8443", "[$ipv6]:8443"]
	certificate = "$LAB_PKI/$name.crt"
	key = "$LAB_PKI/$name.key"
	authority = "$LAB_PKI/ca.crt"
	revoked = "$LAB_PKI/ca.crl"
	database = "$LAB_RUN/kds/store.sqlite"
	key_encryption_key = "$LAB_RUN/kds/kek"
	audit = "$LAB_RUN/kds/$name.audit"
	metrics = "[::1]:9470"

	[policy]
	kds = ["kds2.lab", "kds1.lab"]

	[limits]
	requests = 100000
	challenges = 100000
	keys = 100000

	[[posture]]
	name = "standard"
	interval = "1m"
	plugins = ["lab"]
	  [[posture.requirement]]
	  claim = "os.id"
	  operator = "one-of"
	  value = ["debian"]
	  remedy = "Use Debian."
	  [[posture.requirement]]
	  claim = "plugins.lab.scanner"
	  operator = "equals"
	  value = "running"
	  remedy = "Start the scanner: systemctl start scanner."

	[[posture]]
	name = "quoted"
	interval = "1m"
	quote = true
	pcrs = [0, 7]

	[[gateway]]
	name = "gw1"
	addresses = ["$LAB_GATEWAY_WAN", "$LAB_GATEWAY_WAN6"]
	udp_port = 4500
	$(printf '%s\n' "$@")
	  [[gateway.network]]
	  name = "$LAB_NETWORK"
	  first = 100
	  last = 9999
	  ipv4 = "100.80.0.0"
	  ipv6 = "fd80::"
	  routes = ["10.0.0.0/8", "fd20::/16", "fd99::/16", "$LAB_GW/32", "$LAB_GW6/128"]
	  roles = ["staff"]
	  posture = "standard"
	  # of the gateway's same network, for devices that show more
	  [[gateway.network]]
	  name = "vault"
	  first = 10000
	  ipv4 = "100.80.0.0"
	  ipv6 = "fd80::"
	  routes = ["10.0.0.0/8", "fd20::/16", "fd99::/16", "$LAB_GW/32", "$LAB_GW6/128"]
	  roles = ["vault"]
	  posture = "quoted"

	[[gateway]]
	name = "gw2"
	addresses = ["$LAB_APPSERVER_OUTER", "$LAB_APPSERVER_OUTER6"]
	udp_port = 4500
	  [[gateway.network]]
	  name = "apps"
	  ipv4 = "100.96.0.0"
	  ipv6 = "fd96::"
	  routes = ["$LAB_APPSERVER_ADDRESS/32", "$LAB_APPSERVER_ADDRESS6/128"]
	  roles = ["apps"]
	  posture = "standard"
	END
}

# A server that is its own gateway: no agent, and its pool reaches the host itself.
lab_appserver_config() {
	cat > "$LAB_RUN/sluiced-app.toml" <<-END
	name = "gw2"
	listen = ["$LAB_APPSERVER_OUTER:443", "[$LAB_APPSERVER_OUTER6]:443"]
	certificate = "$LAB_PKI/gw2.crt"
	key = "$LAB_PKI/gw2.key"
	authority = "$LAB_PKI/ca.crt"
	revoked = "$LAB_PKI/ca.crl"
	status = "$LAB_RUN/kds/sluiced-app.sock"

	[esp]
	udp_port = 4500
	source = ["$LAB_APPSERVER_OUTER", "$LAB_APPSERVER_OUTER6"]

	[kds]
	realm = "lab"
	servers = ["$LAB_KDS_ADDRESS:8443", "$LAB_KDS2_ADDRESS:8443"]

	[[network]]
	name = "apps"
	addresses = ["100.65.0.1", "fd65::1"]
	  [[network.pool]]
	  ipv4 = "100.96.0.0"
	  ipv6 = "fd96::"
	  host = true
	END
}

# lab_kds_up LINE...: settings of gw1 at the key servers
lab_kds_up() {
	mkdir -p "$LAB_RUN/kds"
	chmod 700 "$LAB_RUN/kds"
	(umask 077; head -c 32 /dev/urandom > "$LAB_RUN/kds/kek")
	lab_kds_config kds1 "$LAB_KDS_ADDRESS" "$LAB_KDS_ADDRESS6" "$@"
	lab_kds_config kds2 "$LAB_KDS2_ADDRESS" "$LAB_KDS2_ADDRESS6" "$@"
	cat > "$LAB_RUN/kds/dhcp.conf" <<-END
	no-resolv
	no-hosts
	user=root
	interface=device
	bind-interfaces
	domain=lab
	dhcp-range=203.0.113.42,203.0.113.45,255.255.255.248,1h
	dhcp-leasefile=$LAB_RUN/kds/leases
	host-record=kds1.lab,$LAB_KDS_ADDRESS,$LAB_KDS_ADDRESS6
	host-record=kds2.lab,$LAB_KDS2_ADDRESS,$LAB_KDS2_ADDRESS6
	srv-host=_sluice-kds._tcp.lab,kds1.lab,8443,10,1
	srv-host=_sluice-kds._tcp.lab,kds2.lab,8443,20,1
	END
	lab_start kds1 kds2 dhcp && lab_wait_in kds listen=8443 && lab_wait_in kds2 listen=8443 && lab_wait_in inet listen=67 || return 1
	lab_sluiced_config kds
	lab_appserver_config
	lab_end TERM sluiced && lab_start sluiced app sluiced-app
}
