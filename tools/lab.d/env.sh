# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What a command in the lab is told.  Documentation/lab.rst explains each; "tools/lab env" prints them.

lab_pair() { export "$1=$2" "${1}6=$3"; }

lab_environment() {
	# names of network namespaces
	export LAB_CLIENT=client LAB_CLIENT2=client2 LAB_OTHER=other LAB_DIRECT=direct LAB_GATEWAY=gateway LAB_AGENT=agent
	export LAB_SERVER=server LAB_WAN=wan LAB_NAT=nat LAB_PROXY=proxy LAB_ROUTER=far LAB_AGENT2=agent2 LAB_SERVER2=server2
	export LAB_DIRECT_ROUTER=dagent
	# clients by ESP: over IPv4, in UDP behind a home router, over IPv6
	export LAB_ESP=esp LAB_ESP_NAT=espnat LAB_ESP6=esp6 LAB_HOME=home LAB_INTERNET=inet
	# key servers, a device that gets its keys of them, a host that has come by the device's keys, and a server that is its own gateway
	export LAB_KDS=kds LAB_KDS2=kds2 LAB_DEVICE=device LAB_THIEF=thief LAB_APPSERVER=appserver
	# destinations
	lab_pair LAB_OPEN 10.20.0.10 fd20::10
	lab_pair LAB_CLOSED 10.20.0.11 fd20::11
	lab_pair LAB_SILENT 10.20.0.12 fd20::12
	lab_pair LAB_NOHOST 10.20.0.99 fd20::99
	lab_pair LAB_PROHIBITED 10.20.1.5 fd20:0:0:1::5
	lab_pair LAB_NONET 10.20.2.5 fd20:0:0:2::5
	lab_pair LAB_HOP1 10.20.0.1 fd20::1
	lab_pair LAB_HOP2 10.20.31.2 fd20:0:0:31::2
	lab_pair LAB_HOP3 10.20.32.3 fd20:0:0:32::3
	lab_pair LAB_FAR 10.20.33.10 fd20:0:0:33::10
	lab_pair LAB_NARROW 10.20.34.10 fd20:0:0:34::10
	lab_pair LAB_NOROUTE 10.99.0.1 fd99::1
	lab_pair LAB_GW 100.64.0.1 fd64::1
	lab_pair LAB_OTHER_GW 100.64.0.2 fd64::2
	# clients and hosts by address
	lab_pair LAB_CLIENT_ADDRESS 100.64.1.11 fd64:1::11
	lab_pair LAB_CLIENT2_ADDRESS 100.64.1.12 fd64:1::12
	lab_pair LAB_OTHER_ADDRESS 100.64.2.11 fd64:2::11
	lab_pair LAB_DIRECT_ADDRESS 100.64.3.11 fd64:3::11
	# of ESP clients inside (their ids are 17, 18 and 19), and outside
	lab_pair LAB_ESP_ADDRESS 100.80.0.17 fd80::11
	lab_pair LAB_ESP_NAT_ADDRESS 100.80.0.18 fd80::12
	lab_pair LAB_ESP6_ADDRESS 100.80.0.19 fd80::13
	# ids of these as clients of the first network, as rules have them
	export LAB_CLIENT_ID=1 LAB_ESP_CLIENT_ID=4
	export LAB_ESP_OUTER=203.0.113.10 LAB_ESP_NAT_OUTER=203.0.113.18 LAB_ESP6_OUTER=2001:db8:3:6::10
	lab_pair LAB_KDS_ADDRESS 203.0.113.26 2001:db8:3:7::10
	lab_pair LAB_KDS2_ADDRESS 203.0.113.34 2001:db8:3:8::10
	# where the server that is its own gateway takes ESP, and what it serves there
	lab_pair LAB_APPSERVER_OUTER 203.0.113.58 2001:db8:3:b::10
	lab_pair LAB_APPSERVER_ADDRESS 10.30.0.1 fd30::1
	lab_pair LAB_GATEWAY_WAN 192.0.2.1 2001:db8:1::1
	lab_pair LAB_AGENT_ADDRESS 10.20.0.2 fd20::2
	lab_pair LAB_PROXY_ADDRESS 10.20.0.20 fd20::20
	# networks and the gateway's devices
	export LAB_NETWORK=corp LAB_NETWORK2=lab2 LAB_ACCESS=acc1 LAB_ACCESS2=acc2
	# where things are: pids, logs, configuration; certificates; programs; a key that LAB_OPEN's sshd lets in
	export LAB_RUN=/run/lab LAB_PKI=/run/lab/pki LAB_SSH_KEY=/run/lab/ssh/user
	export LAB_KERNEL=${VM_KERNEL:-} LAB_DEBUG=${VM_DEBUG:-0}
	# one factor for every time-out and, inverted, every volume
	case $LAB_KERNEL in debug) : "${LAB_SCALE:=10}" ;; uml) : "${LAB_SCALE:=4}" ;; *) : "${LAB_SCALE:=1}" ;; esac
	export LAB_SCALE
}
