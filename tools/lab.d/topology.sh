# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The lab's network, inside the guest.  Starting a process costs 0.1 to 0.2 s under emulation: all
# namespaces and links come from one "ip -b", then a namespace takes one more for addresses and routes.
# Documentation/lab.rst has the picture.

# name, then "router" for one that forwards
LAB_NAMESPACES="client client2 other direct access gateway dgw:router wan:router dwan:router nat:router
	inet:router esp espnat esp6 home:router kds kds2 device thief appserver
	lan agent dagent:router agent2 far:router hop2:router hop3:router distant narrow server server2 closed silent proxy"

topology_links() {
	local host
	link() { echo "link add name $2 netns $1 type veth peer name $4 netns $3"; }
	# access networks
	link client eth0 access client
	link client2 eth0 access client2
	link gateway acc1 access gateway
	link gateway acc2 other eth0
	link dgw acc direct eth0
	# the internet, over which ESP clients come: one by IPv4, one behind a home router, one by IPv6
	link gateway acc3 inet gw
	link inet esp esp eth0
	link inet esp6 esp6 eth0
	link inet home home wan
	link home lan espnat eth0
	# key servers; a device, which gets its address by DHCP; a host that has come by the device's keys; and a server that is its own gateway
	for host in kds kds2 device thief appserver; do link inet $host $host eth0; done
	# the wide area, once for the gateway's path and once for the direct one
	link gateway wan wan gw
	link nat wan wan far
	link dgw wan dwan gw
	link dagent wan dwan far
	# the far network
	link nat lan lan nat
	link dagent lan lan dagent
	for host in agent far server closed silent proxy; do link $host eth0 lan $host; done
	# three routers in a row: far, and two behind it
	link far far hop2 near
	link hop2 far hop3 near
	link hop3 far distant eth0
	# and a host behind the first of them, on a link that carries 1,400 bytes
	link far narrow narrow eth0
	# the far network of the other network: the same addresses
	link nat lan2 agent2 wan
	link agent2 lan server2 eth0
	echo "link add name switch netns access type bridge forward_delay 0"
	echo "link add name switch netns lan type bridge forward_delay 0"
}

# address DEVICE ADDRESS..., and switch BRIDGE-PORTS...
address() {
	local dev=$1 a
	shift
	for a in "$@"; do
		case $a in *:*) echo "address add $a dev $dev nodad" ;; *) echo "address add $a dev $dev" ;; esac
	done
	echo "link set $dev up"
}
ports() {
	local p
	echo "link set switch up"
	for p in "$@"; do echo "link set $p master switch up"; done
}
route() { echo "route add $1 via $2"; }
default() { route default "$1"; route default "$2"; }
# the way back to the direct client; and the way to what is behind the far router
to_direct() { route 100.64.3.0/24 "$1"; route fd64:3::/64 "$2"; }
behind_far() {
	local n
	for n in 1 2 31 32 33 34; do route 10.20.$n.0/24 10.20.0.1; route fd20:0:0:$n::/64 fd20::1; done
}

topology_of() {
	echo "link set lo up"
	case $1 in
	access) ports client client2 gateway ;;
	lan) ports nat dagent agent far server closed silent proxy ;;
	client) address eth0 100.64.1.11/24 fd64:1::11/64; default 100.64.1.254 fd64:1::254 ;;
	client2) address eth0 100.64.1.12/24 fd64:1::12/64; default 100.64.1.254 fd64:1::254 ;;
	other) address eth0 100.64.2.11/24 fd64:2::11/64; default 100.64.2.254 fd64:2::254 ;;
	direct) address eth0 100.64.3.11/24 fd64:3::11/64; default 100.64.3.254 fd64:3::254 ;;
	gateway)
		address acc1 100.64.1.254/24 fd64:1::254/64
		address acc2 100.64.2.254/24 fd64:2::254/64
		address acc3 203.0.113.1/29 2001:db8:3::1/64
		address wan 192.0.2.1/24 2001:db8:1::1/64
		route 203.0.113.0/24 203.0.113.2; route 2001:db8:3::/48 2001:db8:3::2
		default 192.0.2.254 2001:db8:1::254 ;;
	inet)
		address gw 203.0.113.2/29 2001:db8:3::2/64
		address esp 203.0.113.9/29
		address esp6 2001:db8:3:6::1/64
		address home 203.0.113.17/29
		address kds 203.0.113.25/29 2001:db8:3:7::1/64
		address kds2 203.0.113.33/29 2001:db8:3:8::1/64
		address device 203.0.113.41/29 2001:db8:3:9::1/64
		address thief 203.0.113.49/29 2001:db8:3:a::1/64
		address appserver 203.0.113.57/29 2001:db8:3:b::1/64
		default 203.0.113.1 2001:db8:3::1 ;;
	esp) address eth0 203.0.113.10/29; echo "route add default via 203.0.113.9" ;;
	esp6) address eth0 2001:db8:3:6::10/64; echo "route add default via 2001:db8:3:6::1" ;;
	kds) address eth0 203.0.113.26/29 2001:db8:3:7::10/64; default 203.0.113.25 2001:db8:3:7::1 ;;
	kds2) address eth0 203.0.113.34/29 2001:db8:3:8::10/64; default 203.0.113.33 2001:db8:3:8::1 ;;
	device) address eth0 2001:db8:3:9::10/64; echo "route add default via 2001:db8:3:9::1" ;;
	thief) address eth0 203.0.113.50/29 2001:db8:3:a::10/64; default 203.0.113.49 2001:db8:3:a::1 ;;
	appserver)
		address lo 10.30.0.1/32 fd30::1/128
		address eth0 203.0.113.58/29 2001:db8:3:b::10/64; default 203.0.113.57 2001:db8:3:b::1 ;;
	home)
		address wan 203.0.113.18/29
		address lan 192.168.7.1/24
		echo "route add default via 203.0.113.17" ;;
	espnat) address eth0 192.168.7.10/24; echo "route add default via 192.168.7.1" ;;
	dgw)
		address acc 100.64.3.254/24 fd64:3::254/64
		address wan 192.0.2.1/24 2001:db8:1::1/64
		route 10.20.0.0/16 192.0.2.254; route fd20::/48 2001:db8:1::254 ;;
	wan)
		address gw 192.0.2.254/24 2001:db8:1::254/64
		address far 198.51.100.254/24 2001:db8:2::254/64 ;;
	dwan)
		address gw 192.0.2.254/24 2001:db8:1::254/64
		address far 198.51.100.254/24 2001:db8:2::254/64
		route 10.20.0.0/16 198.51.100.1; route fd20::/48 2001:db8:2::1
		to_direct 192.0.2.1 2001:db8:1::1 ;;
	nat)
		address wan 198.51.100.1/24 2001:db8:2::1/64
		address lan 10.20.0.254/24 fd20::254/64
		address lan2 192.168.2.254/24 fd92::254/64
		default 198.51.100.254 2001:db8:2::254 ;;
	dagent)
		address wan 198.51.100.1/24 2001:db8:2::1/64
		address lan 10.20.0.3/24 fd20::3/64
		to_direct 198.51.100.254 2001:db8:2::254
		behind_far ;;
	agent) address eth0 10.20.0.2/24 fd20::2/64; default 10.20.0.254 fd20::254; behind_far ;;
	proxy) address eth0 10.20.0.20/24 fd20::20/64; default 10.20.0.254 fd20::254 ;;
	far)
		# no default route: what it knows nothing of is net unreachable
		address eth0 10.20.0.1/24 fd20::1/64
		address far 10.20.31.1/24 fd20:0:0:31::1/64
		echo "link set narrow mtu 1300"
		address narrow 10.20.34.1/24 fd20:0:0:34::1/64
		to_direct 10.20.0.3 fd20::3
		for n in 32 33; do route 10.20.$n.0/24 10.20.31.2; route fd20:0:0:$n::/64 fd20:0:0:31::2; done
		echo "route add prohibit 10.20.1.0/24"
		echo "route add prohibit fd20:0:0:1::/64" ;;
	hop2)
		address near 10.20.31.2/24 fd20:0:0:31::2/64
		address far 10.20.32.2/24 fd20:0:0:32::2/64
		default 10.20.31.1 fd20:0:0:31::1
		route 10.20.33.0/24 10.20.32.3; route fd20:0:0:33::/64 fd20:0:0:32::3 ;;
	hop3)
		address near 10.20.32.3/24 fd20:0:0:32::3/64
		address far 10.20.33.3/24 fd20:0:0:33::3/64
		default 10.20.32.2 fd20:0:0:32::2 ;;
	distant) address eth0 10.20.33.10/24 fd20:0:0:33::10/64; default 10.20.33.3 fd20:0:0:33::3 ;;
	narrow)
		echo "link set eth0 mtu 1300"
		address eth0 10.20.34.10/24 fd20:0:0:34::10/64; default 10.20.34.1 fd20:0:0:34::1 ;;
	server) address eth0 10.20.0.10/24 fd20::10/64; to_direct 10.20.0.3 fd20::3 ;;
	closed) address eth0 10.20.0.11/24 fd20::11/64; to_direct 10.20.0.3 fd20::3 ;;
	silent) address eth0 10.20.0.12/24 fd20::12/64; to_direct 10.20.0.3 fd20::3 ;;
	agent2)
		address wan 192.168.2.2/24 fd92::2/64
		address lan 10.20.0.2/24 fd20::2/64
		default 192.168.2.254 fd92::254 ;;
	server2) address eth0 10.20.0.10/24 fd20::10/64 ;;
	esac
}

# The firewall in front of the agent lets nothing in; the silent host hears nothing but its neighbours.
rules_of() {
	local nd="icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
	case $1 in
	nat)
		cat <<-END
		table inet firewall {
			chain input { type filter hook input priority 0; iifname != "wan" accept; ct state established,related accept; $nd; drop; }
			chain forward { type filter hook forward priority 0; ct state established,related accept; iifname "wan" drop; oifname != "wan" drop; }
			chain out { type nat hook postrouting priority 100; oifname "wan" masquerade; }
		}
		END
		;;
	home) echo 'table inet nat { chain out { type nat hook postrouting priority 100; oifname "wan" masquerade; }; }' ;;
	silent)
		echo "table inet silence { chain input { type filter hook input priority 0; $nd; drop; }; }" ;;
	esac
}

# A client's own link takes 1 ms, as a real one may.  On a link without delay a router's
# ICMP error comes back inside the very connect() that sent the SYN, and Linux then only notes it (soft error).
delays_of() {
	local dev
	case $1 in
	access) set -- client client2 ;;
	gateway) set -- acc2 ;;
	dgw) set -- acc ;;
	inet) set -- gw ;;
	*) return ;;
	esac
	for dev; do echo "qdisc add dev $dev root netem delay 1ms limit 20000"; done
}

# What one namespace runs, in a shell of static busybox: it starts several times faster than bash.  (It would
# take its own ip for "ip", hence the paths.)
topology_script() {
	local ns=$1 dir=$2 rules delays
	# Rate limits would make two scans differ by chance.
	echo "echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit"
	# of the namespace since 6.12, of the machine before
	echo "[ ! -e /proc/sys/net/ipv4/icmp_msgs_burst ] || { echo 1000000 > /proc/sys/net/ipv4/icmp_msgs_per_sec; echo 100000 > /proc/sys/net/ipv4/icmp_msgs_burst; }"
	# Ping sockets for everybody, as systemd sets it on every host
	case $ns in agent | agent2) echo "echo '0 2147483647' > /proc/sys/net/ipv4/ping_group_range" ;; esac
	rules=$(rules_of "$ns")
	[ -z "$rules" ] || { echo "$rules" > "$dir/$ns.nft"; echo "/usr/sbin/nft -f $dir/$ns.nft || echo 'rules of $ns failed'"; }
	delays=$(delays_of "$ns")
	[ -z "$delays" ] || { echo "$delays" > "$dir/$ns.tc"; echo "/sbin/tc -b $dir/$ns.tc || echo 'delays of $ns failed'"; }
	topology_of "$ns" > "$dir/$ns.ip"
	echo "/sbin/ip -b $dir/$ns.ip || echo 'namespace $ns failed'"
}

# A namespace inherits forwarding from here (devconf_inherit_init_net): the routers are made while it is on.
# Switching it later, inside, contends for the routing lock with everything that goes on in parallel.
topology_namespaces() {
	local want=$1 ns is
	[ "$want" = router ] && want=1 || want=0
	echo $want > /proc/sys/net/ipv4/ip_forward
	echo $want > /proc/sys/net/ipv6/conf/all/forwarding
	for ns in $LAB_NAMESPACES; do
		case $ns in *:router) is=1 ;; *) is=0 ;; esac
		[ $is = $want ] && echo "netns add ${ns%:*}"
	done | ip -b -
}

# topology_up DIR BUSYBOX: make it all; DIR keeps what was run
topology_up() {
	local dir=$1 box=$2 ns failed
	mkdir -p "$dir"
	# Without duplicate address detection an IPv6 address can be used at once.
	echo 1 > /proc/sys/net/core/devconf_inherit_init_net
	echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad
	echo 0 > /proc/sys/net/ipv6/conf/all/accept_dad
	echo 0 > /proc/sys/net/ipv6/conf/default/router_solicitations
	echo 1000000 > /proc/sys/net/ipv4/icmp_msgs_per_sec
	echo 100000 > /proc/sys/net/ipv4/icmp_msgs_burst
	echo 16384 > /proc/sys/net/ipv4/neigh/default/gc_thresh3
	echo 16384 > /proc/sys/net/ipv6/neigh/default/gc_thresh3
	# A router's own limit on "unreachable" and "prohibited", beside the one of ICMP
	echo 0 > /proc/sys/net/ipv4/route/error_cost
	# Room for a scan's packets while a host that does not exist is looked for: all of them get their ICMP error
	echo 16777216 > /proc/sys/net/ipv4/neigh/default/unres_qlen_bytes
	echo 16777216 > /proc/sys/net/ipv6/neigh/default/unres_qlen_bytes
	topology_namespaces router && topology_namespaces host || return 1
	topology_links > "$dir/links"
	ip -b "$dir/links" || return 1
	failed=$(
		for ns in $LAB_NAMESPACES; do
			ns=${ns%:*}
			topology_script $ns "$dir" > "$dir/$ns.sh"
			"$box" nsenter --net=/run/netns/$ns "$box" sh "$dir/$ns.sh" 2>&1 &
		done
		wait
	)
	[ -z "$failed" ] || { echo "$failed" >&2; return 1; }
}
