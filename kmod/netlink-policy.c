// SPDX-License-Identifier: GPL-2.0-only
/* Handlers of the netlink operations on the policy responder. */

#include <net/genetlink.h>

#include "net.h"
#include "netlink.h"
#include "policy.h"

int sluice_netlink_policy_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *source_rate = info->attrs[SLUICE_A_POLICY_SOURCE_RATE];
	struct nlattr *rate = info->attrs[SLUICE_A_POLICY_RATE];
	struct nlattr *port = info->attrs[SLUICE_A_POLICY_PORT];
	struct nlattr *blob = info->attrs[SLUICE_A_POLICY_BLOB];
	struct sluice_net *sn = sluice_net(genl_info_net(info));
	int err;

	mutex_lock(&sn->config_lock);
	err = sluice_policy_set(sn, port ? nla_get_u16(port) : sn->policy.port, blob, info->extack);
	if (err) {
		NL_SET_BAD_ATTR(info->extack, port ?: blob);
	} else {
		if (rate)
			WRITE_ONCE(sn->policy.rate, nla_get_u32(rate));
		if (source_rate)
			WRITE_ONCE(sn->policy.source_rate, nla_get_u32(source_rate));
	}
	mutex_unlock(&sn->config_lock);
	return err;
}

static int fill(struct sk_buff *msg, const struct sluice_net *sn)
{
	unsigned int length;
	const void *blob = sluice_policy_blob(sn, &length);

	if (nla_put_u16(msg, SLUICE_A_POLICY_PORT, sn->policy.port) ||
	    nla_put_u32(msg, SLUICE_A_POLICY_RATE, sn->policy.rate) ||
	    nla_put_u32(msg, SLUICE_A_POLICY_SOURCE_RATE, sn->policy.source_rate) ||
	    (blob && nla_put(msg, SLUICE_A_POLICY_BLOB, length, blob)))
		return -EMSGSIZE;
	return 0;
}

int sluice_netlink_policy_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sluice_net *sn = sluice_net(genl_info_net(info));
	struct sk_buff *msg;
	void *header;
	int err;

	msg = sluice_netlink_reply_start(info, SLUICE_CMD_POLICY_GET, &header);
	if (!msg)
		return -ENOMEM;
	mutex_lock(&sn->config_lock);
	err = fill(msg, sn);
	mutex_unlock(&sn->config_lock);
	return sluice_netlink_reply_finish(info, msg, header, err);
}
