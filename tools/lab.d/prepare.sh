# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# What the lab needs from the host before the guest boots: made once, kept in the cache.

LAB_CACHE=$CACHE/lab

prepare_files() {
	[ -e "$LAB_CACHE/www/100m.sha256" ] && return
	mkdir -p "$LAB_CACHE/www"
	head -c 1024 /dev/urandom > "$LAB_CACHE/www/1k"
	head -c 1048576 /dev/urandom > "$LAB_CACHE/www/1m"
	head -c 104857600 /dev/urandom > "$LAB_CACHE/www/100m"
	echo "<!doctype html><title>lab</title><p>A page of the server behind the agent.</p>" > "$LAB_CACHE/www/index.html"
	(cd "$LAB_CACHE/www" && for f in 1k 1m 100m; do sha256sum $f > $f.sha256; done)
}

prepare_ssh() {
	[ -e "$LAB_CACHE/ssh/user" ] && return
	mkdir -p "$LAB_CACHE/ssh"
	ssh-keygen -q -t ed25519 -N '' -C lab -f "$LAB_CACHE/ssh/host"
	ssh-keygen -q -t ed25519 -N '' -C lab -f "$LAB_CACHE/ssh/user"
}

# A QUIC server needs a certificate; nobody checks this one.
prepare_quic() {
	[ -e "$LAB_CACHE/quic/crt" ] && return
	mkdir -p "$LAB_CACHE/quic"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=server.lab \
		-keyout "$LAB_CACHE/quic/key" -out "$LAB_CACHE/quic/crt" 2>/dev/null
}

# initdb refuses to run as root, and writes where its user may.
prepare_postgresql() {
	local bin dir as=()
	[ -e "$LAB_CACHE/postgresql/PG_VERSION" ] && return
	bin=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1)
	[ -n "$bin" ] || return 0
	dir=$(mktemp -d /var/tmp/sluice-postgresql.XXXXXX)
	if [ "$(id -u)" = 0 ]; then
		chown postgres: "$dir"
		as=(setpriv --reuid postgres --regid postgres --clear-groups)
	fi
	(cd "$dir" && "${as[@]}" "$bin/initdb" -D "$dir/data" -U postgres -A trust --no-sync --locale=C -E UTF8) > "$dir/log" 2>&1 ||
		{ cat "$dir/log" >&2; return 1; }
	cat >> "$dir/data/postgresql.conf" <<-'END'
	listen_addresses = '*'
	unix_socket_directories = ''
	fsync = off
	autovacuum = off
	shared_buffers = 8MB
	logging_collector = off
	END
	printf 'host all all 0.0.0.0/0 trust\nhost all all ::/0 trust\n' >> "$dir/data/pg_hba.conf"
	mkdir -p "$LAB_CACHE"
	mv "$dir/data" "$LAB_CACHE/postgresql"
	rm -rf "$dir"
}

# One authority for gateway and agents, made anew each time: certificates are the thing under test.
prepare_pki() {
	local pki=$BUILD/userspace/bin/sluice-pki out=$1
	mkdir -p "$out"
	"$pki" init --dir "$out" > "$out/log" 2>&1 &&
		"$pki" issue gateway --dir "$out" --name gw1 --realm lab --network corp --network lab2 --dns gw.lab \
			--ip 192.0.2.1 --ip 2001:db8:1::1 >> "$out/log" 2>&1 &&
		"$pki" issue agent --dir "$out" --network corp --name berlin >> "$out/log" 2>&1 &&
		"$pki" issue agent --dir "$out" --network lab2 --name paris >> "$out/log" 2>&1 &&
		"$pki" issue kds --dir "$out" --realm lab --name kds1 --dns kds1.lab --ip 203.0.113.26 --ip 2001:db8:3:7::10 >> "$out/log" 2>&1 &&
		"$pki" issue kds --dir "$out" --realm lab --name kds2 --dns kds2.lab --ip 203.0.113.34 --ip 2001:db8:3:8::10 >> "$out/log" 2>&1 &&
		"$pki" issue gateway --dir "$out" --name gw2 --realm lab --network apps --dns apps.lab >> "$out/log" 2>&1 &&
		"$pki" issue operator --dir "$out" --realm lab --name admin >> "$out/log" 2>&1 ||
		{ cat "$out/log" >&2; return 1; }
}

prepare() {
	mkdir -p "$LAB_CACHE"
	exec 7> "$LAB_CACHE/.lock"
	flock 7
	prepare_files && prepare_ssh && prepare_quic && prepare_postgresql
	local status=$?
	exec 7>&-
	return $status
}
