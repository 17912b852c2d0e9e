// SPDX-License-Identifier: GPL-2.0-only
/* Handlers of controller-bind, -get, -credit and -verdict.  What it is told stands in controller.c. */

#include <net/genetlink.h>
#include <net/sock.h>

#include "net.h"
#include "netlink.h"
#include "relay.h"
#include "verdict.h"

#define SLUICE_VERDICTS_MAX	1024

static bool is_controller(const struct sluice_net *sn, const struct genl_info *info)
{
	if (READ_ONCE(sn->controller.port_id) == info->snd_portid)
		return true;
	NL_SET_ERR_MSG(info->extack, "this socket is not the controller: controller-bind first");
	return false;
}

int sluice_netlink_controller_bind(struct sk_buff *skb, struct genl_info *info)
{
	struct sluice_net *sn = sluice_net(genl_info_net(info));
	struct nlattr **attrs = info->attrs;
	struct sock *relay = NULL;
	u32 mark, mask;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, SLUICE_A_CONTROLLER_PROXY_PORT) ||
	    GENL_REQ_ATTR_CHECK(info, SLUICE_A_CONTROLLER_MARK) ||
	    GENL_REQ_ATTR_CHECK(info, SLUICE_A_CONTROLLER_MARK_MASK) ||
	    GENL_REQ_ATTR_CHECK(info, SLUICE_A_CONTROLLER_CREDIT))
		return -EINVAL;
	mark = nla_get_u32(attrs[SLUICE_A_CONTROLLER_MARK]);
	mask = nla_get_u32(attrs[SLUICE_A_CONTROLLER_MARK_MASK]);
	if (!mark || mark & ~mask) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[SLUICE_A_CONTROLLER_MARK],
				    "the mark must not be 0 and must lie within its mask");
		return -EINVAL;
	}

	if (attrs[SLUICE_A_CONTROLLER_DATAGRAM_SOCKET]) {
		relay = sluice_relay_socket(sn, attrs[SLUICE_A_CONTROLLER_DATAGRAM_SOCKET], info->extack);
		if (IS_ERR(relay))
			return PTR_ERR(relay);
	}

	mutex_lock(&sn->config_lock);
	err = sluice_controller_may_bind(sn, info->snd_portid, info->extack) ?:
	      sluice_steer_set(sn, nla_get_u16(attrs[SLUICE_A_CONTROLLER_PROXY_PORT]), mark, mask);
	if (!err) {
		/* What was bound before is not for the new socket. */
		sluice_relay_set(sn, NULL);
		sluice_controller_bind(sn, info->snd_portid, nla_get_u32(attrs[SLUICE_A_CONTROLLER_CREDIT]));
		sluice_relay_set(sn, relay);
	}
	mutex_unlock(&sn->config_lock);
	if (err && relay)
		sock_put(relay);
	return err;
}

int sluice_netlink_controller_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sluice_net *sn = sluice_net(genl_info_net(info));
	const struct sluice_steer *steer;
	struct sk_buff *msg;
	void *header;
	int err = 0;

	msg = sluice_netlink_reply_start(info, SLUICE_CMD_CONTROLLER_GET, &header);
	if (!msg)
		return -ENOMEM;
	mutex_lock(&sn->config_lock);
	steer = rcu_dereference_protected(sn->steer, lockdep_is_held(&sn->config_lock));
	if (!sn->controller.port_id || !steer) {
		NL_SET_ERR_MSG(info->extack, "this network namespace has no controller");
		err = -ENOENT;
	} else if (nla_put_u16(msg, SLUICE_A_CONTROLLER_PROXY_PORT, steer->port) ||
		   nla_put_u32(msg, SLUICE_A_CONTROLLER_MARK, steer->mark) ||
		   nla_put_u32(msg, SLUICE_A_CONTROLLER_MARK_MASK, steer->mask) ||
		   nla_put_u32(msg, SLUICE_A_CONTROLLER_CREDIT, READ_ONCE(sn->park.credit)) ||
		   nla_put_u32(msg, SLUICE_A_CONTROLLER_PORT_ID, sn->controller.port_id)) {
		err = -EMSGSIZE;
	}
	mutex_unlock(&sn->config_lock);
	return sluice_netlink_reply_finish(info, msg, header, err);
}

int sluice_netlink_controller_credit(struct sk_buff *skb, struct genl_info *info)
{
	struct sluice_net *sn = sluice_net(genl_info_net(info));

	if (GENL_REQ_ATTR_CHECK(info, SLUICE_A_CONTROLLER_CREDIT))
		return -EINVAL;
	if (!is_controller(sn, info))
		return -EPERM;
	sluice_controller_credit(sn, nla_get_u32(info->attrs[SLUICE_A_CONTROLLER_CREDIT]));
	return 0;
}

static int parse_ruling(const struct nlattr *nest, struct sluice_ruling *ruling, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[SLUICE_A_VERDICT_MAX + 1];
	int err;

	err = nla_parse_nested(tb, SLUICE_A_VERDICT_MAX, nest, sluice_verdict_policy, extack);
	if (err)
		return err;
	if (!tb[SLUICE_A_VERDICT_ID] || !tb[SLUICE_A_VERDICT_VERDICT]) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "a verdict needs an id and a verdict");
		return -EINVAL;
	}
	if (!tb[SLUICE_A_VERDICT_ICMP_TYPE] != !tb[SLUICE_A_VERDICT_ICMP_CODE]) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "icmp-type and icmp-code come together");
		return -EINVAL;
	}
	memset(ruling, 0, sizeof(*ruling));
	ruling->id = nla_get_u32(tb[SLUICE_A_VERDICT_ID]);
	ruling->verdict = nla_get_u8(tb[SLUICE_A_VERDICT_VERDICT]);
	if (tb[SLUICE_A_VERDICT_ICMP_TYPE]) {
		ruling->has_icmp = true;
		ruling->icmp_type = nla_get_u8(tb[SLUICE_A_VERDICT_ICMP_TYPE]);
		ruling->icmp_code = nla_get_u8(tb[SLUICE_A_VERDICT_ICMP_CODE]);
	}
	if (tb[SLUICE_A_VERDICT_ICMP_SOURCE]) {
		ruling->has_source = true;
		ruling->icmp_source = nla_get_in6_addr(tb[SLUICE_A_VERDICT_ICMP_SOURCE]);
	}
	if (tb[SLUICE_A_VERDICT_TTL])
		ruling->ttl = nla_get_u8(tb[SLUICE_A_VERDICT_TTL]);
	if (tb[SLUICE_A_VERDICT_ICMP_MTU])
		ruling->icmp_mtu = nla_get_u32(tb[SLUICE_A_VERDICT_ICMP_MTU]);
	return 0;
}

/* All of a message's verdicts are read before the first is carried out: a bad one changes nothing. */
int sluice_netlink_controller_verdict(struct sk_buff *skb, struct genl_info *info)
{
	struct sluice_net *sn = sluice_net(genl_info_net(info));
	struct sluice_ruling *rulings;
	struct nlattr *attr;
	unsigned int count = 0, i;
	int remaining, err = 0;

	if (GENL_REQ_ATTR_CHECK(info, SLUICE_A_CONTROLLER_VERDICT))
		return -EINVAL;
	if (!is_controller(sn, info))
		return -EPERM;
	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, remaining)
		count++;
	if (count > SLUICE_VERDICTS_MAX) {
		NL_SET_ERR_MSG(info->extack, "a message has at most 1024 verdicts");
		return -E2BIG;
	}
	rulings = kvmalloc_array(count, sizeof(*rulings), GFP_KERNEL);
	if (!rulings)
		return -ENOMEM;
	count = 0;
	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, remaining) {
		if (nla_type(attr) != SLUICE_A_CONTROLLER_VERDICT)
			continue;
		err = parse_ruling(attr, &rulings[count++], info->extack);
		if (err)
			break;
	}
	for (i = 0; !err && i < count; i++) {
		sluice_verdict_apply(sn, &rulings[i]);
		cond_resched();
	}
	kvfree(rulings);
	return err;
}
