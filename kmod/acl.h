/* SPDX-License-Identifier: GPL-2.0-only */
/* Access lists: ordered rules, first match decides (N4).  Replaced whole, read under RCU. */
#ifndef _SLUICE_ACL_H
#define _SLUICE_ACL_H

#include <linux/in6.h>
#include <linux/rcupdate.h>

#include <linux/sluice.h>

#define SLUICE_ACL_RULES_MAX	1024

/**
 * struct sluice_rule - one rule
 * @prefix: destination addresses, bits beyond @prefix_length zero
 * @port_first: first destination port
 * @port_last: last destination port; 0 to 65535 matches also what has no ports
 * @prefix_length: 0 matches everything
 * @protocol: IP protocol number; 0 matches everything
 * @action: enum sluice_action
 */
struct sluice_rule {
	struct in6_addr prefix;
	u16 port_first;
	u16 port_last;
	u8 prefix_length;
	u8 protocol;
	u8 action;
};

/**
 * struct sluice_acl - a list of rules, immutable once published
 * @rcu: frees it
 * @count: number of rules
 * @rule: the rules in order
 */
struct sluice_acl {
	struct rcu_head rcu;
	u32 count;
	struct sluice_rule rule[];
};

/**
 * struct sluice_decision - what the lists say of a new connection
 * @action: what to do
 * @scope: the list that decides
 * @index: the rule in that list; meaningless for SLUICE_SCOPE_DEFAULT
 */
struct sluice_decision {
	enum sluice_action action;
	enum sluice_scope scope;
	u32 index;
};

/* The two lists may be NULL.  Caller holds the RCU read lock or the configuration lock. */
struct sluice_decision sluice_acl_decide(const struct sluice_acl *client_acl, const struct sluice_acl *network_acl,
					 u8 protocol, const struct in6_addr *destination, u16 port);

#endif /* _SLUICE_ACL_H */
