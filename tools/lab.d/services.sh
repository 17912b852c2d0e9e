# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2016
#
# The lab's processes, inside the guest: what each is, how it starts and ends, and when it is ready.

LAB_SERVERS="echo udp nginx sshd postgresql echo2 nginx2"
LAB_DAEMONS="sluiced agent agent2"

# lab_define NAME: sets ns, command, and for daemons writes the configuration
lab_define() {
	local bin=$LAB_BIN
	case $1 in
	echo) ns=server command=(python3 -IS "$LAB_D/echo.py") ;;
	echo2) ns=server2 command=(python3 -IS "$LAB_D/echo.py") ;;
	udp) ns=server command=(python3 -IS "$LAB_D/datagrams.py") ;;
	udp2) ns=server2 command=(python3 -IS "$LAB_D/datagrams.py") ;;
	udp-narrow) ns=narrow command=(python3 -IS "$LAB_D/datagrams.py") ;;
	dnsmasq) ns=server command=(dnsmasq -k -C "$LAB_RUN/dnsmasq.conf") ;;
	iperf3) ns=server command=(iperf3 -s) ;;
	# one process for each family; it ends with the shell that started it
	sipp) ns=server command=(bash -c 'trap "kill \$four \$six" EXIT; trap exit TERM
		cd "$LAB_RUN/tmp"; sipp -sn uas -nostdin -i "$LAB_OPEN" & four=$!
		sipp -sn uas -nostdin -i "[$LAB_OPEN6]" & six=$!; wait') ;;
	quic) ns=server command=(gtlsserver -q -d "$LAB_CACHE/www" '*' 4433 "$LAB_CACHE/quic/key" "$LAB_CACHE/quic/crt") ;;
	kds1) ns=kds command=("$bin/sluice-kds" --config "$LAB_RUN/kds/kds1.toml") ;;
	kds2) ns=kds2 command=("$bin/sluice-kds" --config "$LAB_RUN/kds/kds2.toml") ;;
	# a server that is its own gateway: what serves, and what lets in
	app) ns=appserver command=(nginx -c "$LAB_RUN/app.conf" -e stderr) ;;
	sluiced-app) ns=appserver command=("$bin/sluiced" --config "$LAB_RUN/sluiced-app.toml") ;;
	# for the device: its address, and DNS
	dhcp) ns=inet command=(dnsmasq -k -C "$LAB_RUN/kds/dhcp.conf") ;;
	nginx) ns=server command=(nginx -c "$LAB_RUN/nginx.conf" -e stderr) ;;
	nginx2) ns=server2 command=(nginx -c "$LAB_RUN/nginx2.conf" -e stderr) ;;
	sshd) ns=server command=(/usr/sbin/sshd -D -e -f "$LAB_RUN/ssh/sshd_config") ;;
	postgresql)
		ns=server
		command=(/usr/bin/setpriv --reuid postgres --regid postgres --clear-groups
			"$(compgen -G '/usr/lib/postgresql/*/bin/postgres' | sort -V | tail -n 1)" -D "$LAB_RUN/postgresql") ;;
	proxy | proxy-digest) ns=proxy command=(squid -N -f "$LAB_RUN/$1.conf") ;;
	sluiced) ns=gateway command=("$bin/sluiced" --config "$LAB_RUN/sluiced.toml") ;;
	agent | agent2)
		ns=$1
		# An agent needs no privilege at all; for protocols other than TCP, UDP and ping it may have one.
		local may=''
		[ "$1" != agent ] || read -r may 2>/dev/null < "$LAB_RUN/agent.capability"
		command=(/usr/bin/setpriv --reuid nobody --regid nogroup --clear-groups
			"--inh-caps=-all${may:+,+$may}" "--bounding-set=-all${may:+,+$may}" ${may:+"--ambient-caps=+$may"}
			"$bin/sluice-agent" --config "$LAB_RUN/$1.toml") ;;
	*) echo "lab: no process is called $1" >&2; return 1 ;;
	esac
}

lab_pid() {
	local pid
	read -r pid 2>/dev/null < "$LAB_RUN/pid/$1" && kill -0 "$pid" 2>/dev/null && echo "$pid"
}

lab_start() {
	local name ns command
	for name; do
		lab_define "$name" || return 1
		[ -z "$(lab_pid "$name")" ] || { echo "lab: $name is running" >&2; return 1; }
		# (Paths in full where busybox has an applet of that name: its nsenter would run that.)
		# From a subshell that ends at once, so that the process belongs to init and leaves no zombie.
		(
			cd / || exit
			setsid "$LAB_RUN/busybox" nsenter --net=/run/netns/$ns "${command[@]}" \
				< /dev/null >> "$LAB_RUN/log/$name.log" 2>&1 &
			echo $! > "$LAB_RUN/pid/$name"
		)
	done
}

# lab_end SIGNAL NAME...: send it and wait until the process is gone
lab_end() {
	local signal=$1 name pid until
	shift
	for name; do
		pid=$(lab_pid "$name") || continue
		[ -n "$pid" ] || continue
		kill -"$signal" "$pid"
		until=$((SECONDS + 10 * LAB_SCALE))
		while kill -0 "$pid" 2>/dev/null; do
			[ $SECONDS -lt $until ] || { echo "lab: $name (process $pid) does not end" >&2; kill -KILL "$pid"; return 1; }
			sleep 0.05
		done
		rm -f "$LAB_RUN/pid/$name"
	done
}

# The probes run inside a client's namespace and use bash's own sockets: no process starts.
# probe_NAME ADDRESS: succeeds when the service answers as it should
lab_probe() {
	local what=$1 address=$2 line reply
	case $what in
	echo)
		exec 4<> "/dev/tcp/$address/7" && echo hello >&4 && read -r -t 2 line <&4 && [ "$line" = hello ] ;;
	udp | udp-narrow)
		# one byte: bash reads by the byte, and a datagram's others are gone then
		exec 4<> "/dev/udp/$address/7" && printf x >&4 && read -r -t 2 -N 1 reply <&4 && [ "$reply" = x ] ;;
	# in the server's own namespace
	listen) [ -n "$(ss -Hlntu "sport = :$address")" ] ;;
	nginx)
		exec 4<> "/dev/tcp/$address/80" && printf 'HEAD /1k HTTP/1.0\r\n\r\n' >&4 &&
			read -r -t 2 line <&4 && [[ $line = *" 200 "* ]] ;;
	sshd) exec 4<> "/dev/tcp/$address/22" && read -r -t 2 line <&4 && [[ $line = SSH-2.0* ]] ;;
	postgresql)
		# SSLRequest; N or S is an answer of a server that takes connections
		exec 4<> "/dev/tcp/$address/5432" && printf '\0\0\0\x08\x04\xd2\x16\x2f' >&4 &&
			read -r -t 2 -N 1 reply <&4 && [[ $reply = [NS] ]] ;;
	proxy) exec 4<> "/dev/tcp/$address/3128" ;;
	proxy-digest) exec 4<> "/dev/tcp/$address/3129" ;;
	esac
}

# lab_until SECONDS COMMAND...: until it succeeds
lab_until() {
	local until=$((SECONDS + $1 * LAB_SCALE))
	shift
	until ("$@") 2>/dev/null; do
		[ $SECONDS -lt $until ] || return 1
		sleep 0.1
	done
}

lab_say() {
	local now=${EPOCHREALTIME/./} began=${LAB_BEGAN/./}
	local ms=$(((now - began) / 1000))
	printf 'lab: %3d.%d s  %s\n' $((ms / 1000)) $((ms % 1000 / 100)) "$*" >> "${VM_PROGRESS:-/dev/stderr}"
}

# In namespace $1, wait for the rest: SERVICE=ADDRESS...
lab_wait_in() {
	local ns=$1
	shift
	"$LAB_RUN/busybox" nsenter --net=/run/netns/$ns bash -c '
		. "$LAB_D/services.sh"
		for probe; do
			lab_until 60 lab_probe ${probe%%=*} ${probe#*=} || { lab_say "$0: no answer: $probe"; exit 1; }
		done' $ns "$@"
}

lab_config() {
	cat > "$LAB_RUN/nginx.conf" <<-END
	daemon off; user root; worker_processes 1; pid $LAB_RUN/nginx.pid; error_log stderr warn;
	events { worker_connections 8192; }
	http {
		access_log off; sendfile on; tcp_nodelay on; keepalive_timeout 3600s; default_type application/octet-stream;
		client_body_temp_path $LAB_RUN/tmp; proxy_temp_path $LAB_RUN/tmp; fastcgi_temp_path $LAB_RUN/tmp;
		uwsgi_temp_path $LAB_RUN/tmp; scgi_temp_path $LAB_RUN/tmp; client_max_body_size 0;
		server {
			listen [::]:80 ipv6only=off backlog=4096; root $LAB_CACHE/www;
			location = /name { default_type text/plain; return 200 "server\n"; }
		}
	}
	END
	sed -e 's/"server/"server2/' -e 's/nginx.pid/nginx2.pid/' "$LAB_RUN/nginx.conf" > "$LAB_RUN/nginx2.conf"
	sed -e 's/"server/"appserver/' -e 's/nginx.pid/app.pid/' "$LAB_RUN/nginx.conf" > "$LAB_RUN/app.conf"
	mkdir -p /run/sshd "$LAB_RUN/ssh" "$LAB_RUN/postgresql" "$LAB_RUN/tmp" /run/sluice
	cp "$LAB_CACHE"/ssh/* "$LAB_RUN/ssh/"
	cat > "$LAB_RUN/ssh/sshd_config" <<-END
	Port 22
	HostKey $LAB_RUN/ssh/host
	AuthorizedKeysFile $LAB_RUN/ssh/user.pub
	StrictModes no
	UsePAM no
	PermitRootLogin yes
	MaxStartups 10000
	MaxSessions 1000
	PidFile none
	END
	# The cluster made on the host, as seen through the guest's overlay: written to here, untouched there.
	[ -d "$LAB_CACHE/postgresql" ] && mount --bind "$LAB_CACHE/postgresql" "$LAB_RUN/postgresql"
	# A name with an answer of nearly 4 KiB, in records because a line of the file holds 1,025 characters
	local auth port name n word
	word=$(printf '%0250d' 0)
	cat > "$LAB_RUN/dnsmasq.conf" <<-END
	no-resolv
	no-hosts
	no-dhcp-interface=*
	user=root
	edns-packet-max=4096
	host-record=www.lab,$LAB_OPEN,$LAB_OPEN6
	txt-record=small.lab,sluice
	END
	for n in 1 2 3 4 5; do echo "txt-record=big.lab,$n-$word,$word,$word"; done >> "$LAB_RUN/dnsmasq.conf"
	for name in proxy proxy-digest; do
		auth="basic program /usr/lib/squid/basic_ncsa_auth $LAB_RUN/proxy.passwd" port=3128
		[ $name = proxy-digest ] && auth="digest program /usr/lib/squid/digest_file_auth $LAB_RUN/proxy-digest.passwd" port=3129
		cat > "$LAB_RUN/$name.conf" <<-END
		http_port $port
		auth_param $auth
		auth_param ${auth%% *} children 1
		auth_param ${auth%% *} realm lab
		acl known proxy_auth REQUIRED
		http_access allow known
		http_access deny all
		cache deny all
		access_log stdio:$LAB_RUN/squid/$name.access
		cache_log $LAB_RUN/squid/$name.log
		pid_filename none
		coredump_dir none
		pinger_enable off
		visible_hostname $name
		shutdown_lifetime 0 seconds
		END
	done
	# user lab, password secret
	echo 'lab:$apr1$labsalt0$4cf3Dn7mBKuv6Sm2pGaBs1' > "$LAB_RUN/proxy.passwd"
	echo 'lab:secret' > "$LAB_RUN/proxy-digest.passwd"
	# squid gives up root before it opens its logs
	install -d -o proxy "$LAB_RUN/squid"
	chmod 644 "$LAB_RUN"/proxy*
	echo "192.0.2.1 gw.lab" >> /etc/hosts
	echo "2001:db8:1::1 gw.lab" >> /etc/hosts
}
