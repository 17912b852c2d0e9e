/* SPDX-License-Identifier: GPL-2.0-only */
/* The generic netlink family; netlink-gen.h has its operations. */
#ifndef _SLUICE_NETLINK_H
#define _SLUICE_NETLINK_H

#include <net/genetlink.h>

#include "client.h"

struct sluice_net;
struct sluice_network;

extern struct genl_family sluice_genl_family;

int sluice_netlink_register(void);
void sluice_netlink_unregister(void);

/* A message to fill, its header in place; NULL: no memory. */
struct sk_buff *sluice_netlink_reply_start(struct genl_info *info, u8 command, void **header);
/* Sends it or, with @err, frees it and returns that. */
int sluice_netlink_reply_finish(struct genl_info *info, struct sk_buff *msg, void *header, int err);
/* The header of a dump's next message, marked if cb->seq tells of a change since the first; NULL: it does not fit. */
void *sluice_netlink_dump_header(struct sk_buff *msg, struct netlink_callback *cb, u8 command);

/* A nested prefix; -EINVAL with extack if it is incomplete or has bits beyond its length. */
int sluice_netlink_prefix(const struct nlattr *nest, struct sluice_prefix *prefix, struct netlink_ext_ack *extack);
int sluice_netlink_put_prefix(struct sk_buff *msg, int type, const struct sluice_prefix *prefix);

/* config_lock held.  The network that @attr names by ifindex; ERR_PTR(-ENODEV) with extack. */
struct sluice_network *sluice_netlink_network(struct sluice_net *sn, const struct nlattr *attr,
					      struct netlink_ext_ack *extack);

#endif /* _SLUICE_NETLINK_H */
