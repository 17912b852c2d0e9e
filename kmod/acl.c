// SPDX-License-Identifier: GPL-2.0-only
/* Evaluation of access lists.  Pure: no state, no locks. */

#include <net/ipv6.h>

#include "acl.h"
#include "kunit.h"

static bool rule_matches(const struct sluice_rule *rule, u8 protocol, const struct in6_addr *destination, u16 port)
{
	return (!rule->protocol || rule->protocol == protocol) &&
	       port >= rule->port_first && port <= rule->port_last &&
	       ipv6_prefix_equal(&rule->prefix, destination, rule->prefix_length);
}

static bool acl_decides(const struct sluice_acl *acl, enum sluice_scope scope, u8 protocol,
			const struct in6_addr *destination, u16 port, struct sluice_decision *decision)
{
	u32 i;

	for (i = 0; acl && i < acl->count; i++) {
		if (!rule_matches(&acl->rule[i], protocol, destination, port))
			continue;
		decision->action = acl->rule[i].action;
		decision->scope = scope;
		decision->index = i;
		return true;
	}
	return false;
}

struct sluice_decision sluice_acl_decide(const struct sluice_acl *client_acl, const struct sluice_acl *network_acl,
					 u8 protocol, const struct in6_addr *destination, u16 port)
{
	struct sluice_decision decision = { .action = SLUICE_ACTION_OFFER, .scope = SLUICE_SCOPE_DEFAULT };

	if (!acl_decides(client_acl, SLUICE_SCOPE_CLIENT, protocol, destination, port, &decision))
		acl_decides(network_acl, SLUICE_SCOPE_NETWORK, protocol, destination, port, &decision);
	return decision;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_acl_decide);
