/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The policy responder: a UDP port that answers "what is this gateway's policy?" with a blob that the controller set,
 * opaque here and signed elsewhere (Documentation/policy.rst has the bytes).  It keeps nothing about who asks.
 */
#ifndef _SLUICE_POLICY_H
#define _SLUICE_POLICY_H

#include <linux/siphash.h>
#include <linux/types.h>

struct netlink_ext_ack;
struct nlattr;
struct sluice_limiter;
struct sluice_net;
struct sluice_policy_blob;
struct socket;

#define SLUICE_POLICY_RATE_DEFAULT		1000
#define SLUICE_POLICY_SOURCE_RATE_DEFAULT	10

/**
 * struct sluice_policy - part of struct sluice_net; guarded by its config_lock
 * @blob: the answer; there as long as the sockets are, read under RCU and replaced whole
 * @port: host byte order; 0: off; read anywhere
 * @rate: answers a second on each CPU; read anywhere
 * @source_rate: of those to one source prefix; read anywhere
 * @limiter: what has been spent of them, by CPU; there as long as @blob is
 * @secret: so that nobody can tell which prefixes share a count
 * @udp: the sockets, IPv4 and IPv6
 */
struct sluice_policy {
	struct sluice_policy_blob __rcu *blob;
	u16 port;
	u32 rate;
	u32 source_rate;
	struct sluice_limiter *limiter;
	siphash_key_t secret;
	struct socket *udp[2];
};

void sluice_policy_init(struct sluice_net *sn);
void sluice_policy_exit(struct sluice_net *sn);

/**
 * sluice_policy_set() - change port and blob; both or neither are there afterwards
 * @sn: the network namespace; its config_lock is held
 * @port: host byte order; 0 ends it and forgets the blob
 * @data: the new blob's attribute; NULL: the old one stays
 * @extack: says why not
 *
 * Return: 0; -EINVAL, -ENOMEM, or what binding says: then nothing has changed.
 */
int sluice_policy_set(struct sluice_net *sn, u16 port, const struct nlattr *data, struct netlink_ext_ack *extack);

/* config_lock held; NULL with length 0: none. */
const void *sluice_policy_blob(const struct sluice_net *sn, unsigned int *length);

/* Any context: is a datagram to this port of the gateway a question? */
bool sluice_policy_is_asked(const struct sluice_net *sn, u16 port);

#endif /* _SLUICE_POLICY_H */
