// SPDX-License-Identifier: GPL-2.0-only
/* Handlers of acl-set, acl-get and acl-test. */

#include <net/genetlink.h>

#include "client.h"
#include "net.h"
#include "netlink.h"
#include "network.h"

/* config_lock held.  Where the list that a request names hangs; ERR_PTR with extack. */
static struct sluice_acl __rcu **requested_list(struct sluice_net *sn, struct nlattr **attrs,
						struct netlink_ext_ack *extack)
{
	struct nlattr *network_attr = attrs[SLUICE_A_ACL_NETWORK];
	struct nlattr *client_attr = attrs[SLUICE_A_ACL_CLIENT];
	struct sluice_network *network;
	struct sluice_client *client;

	if (!network_attr == !client_attr) {
		NL_SET_ERR_MSG(extack, "name either a network or a client");
		return ERR_PTR(-EINVAL);
	}
	if (network_attr) {
		network = sluice_netlink_network(sn, network_attr, extack);
		return IS_ERR(network) ? ERR_CAST(network) : &network->acl;
	}
	client = xa_load(&sn->clients, nla_get_u32(client_attr));
	if (client)
		return &client->acl;
	NL_SET_ERR_MSG_ATTR(extack, client_attr, "no client has this id");
	return ERR_PTR(-ENOENT);
}

static int parse_rule(const struct nlattr *nest, struct sluice_rule *rule, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[SLUICE_A_RULE_MAX + 1];
	struct sluice_prefix prefix = {};
	int err;

	err = nla_parse_nested(tb, SLUICE_A_RULE_MAX, nest, sluice_rule_policy, extack);
	if (err)
		return err;
	if (!tb[SLUICE_A_RULE_ACTION]) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "a rule needs an action");
		return -EINVAL;
	}
	if (tb[SLUICE_A_RULE_PREFIX]) {
		err = sluice_netlink_prefix(tb[SLUICE_A_RULE_PREFIX], &prefix, extack);
		if (err)
			return err;
	}
	rule->action = nla_get_u8(tb[SLUICE_A_RULE_ACTION]);
	rule->protocol = tb[SLUICE_A_RULE_PROTOCOL] ? nla_get_u8(tb[SLUICE_A_RULE_PROTOCOL]) : 0;
	rule->prefix = prefix.address;
	rule->prefix_length = prefix.length;
	rule->port_first = 0;
	rule->port_last = U16_MAX;
	if (!tb[SLUICE_A_RULE_PORT_FIRST] && !tb[SLUICE_A_RULE_PORT_LAST])
		return 0;

	if (!tb[SLUICE_A_RULE_PORT_FIRST] || !rule->protocol) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "ports need a protocol and port-first");
		return -EINVAL;
	}
	if (!sluice_has_ports(rule->protocol)) {
		NL_SET_ERR_MSG_ATTR(extack, tb[SLUICE_A_RULE_PROTOCOL], "this protocol has no ports");
		return -EINVAL;
	}
	rule->port_first = nla_get_u16(tb[SLUICE_A_RULE_PORT_FIRST]);
	rule->port_last = tb[SLUICE_A_RULE_PORT_LAST] ? nla_get_u16(tb[SLUICE_A_RULE_PORT_LAST]) : rule->port_first;
	if (rule->port_last < rule->port_first) {
		NL_SET_ERR_MSG_ATTR(extack, tb[SLUICE_A_RULE_PORT_LAST], "port-last is less than port-first");
		return -EINVAL;
	}
	return 0;
}

/* The rules of a request as a new list; NULL: there are none.  ERR_PTR with extack. */
static struct sluice_acl *parse_rules(struct genl_info *info)
{
	struct sluice_acl *acl;
	struct nlattr *attr;
	int remaining, err;
	u32 count = 0;

	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, remaining)
		if (nla_type(attr) == SLUICE_A_ACL_RULE && ++count > SLUICE_ACL_RULES_MAX) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr, "a list has at most 1024 rules");
			return ERR_PTR(-E2BIG);
		}
	if (!count)
		return NULL;
	acl = kvzalloc(struct_size(acl, rule, count), GFP_KERNEL_ACCOUNT);
	if (!acl)
		return ERR_PTR(-ENOMEM);
	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, remaining) {
		if (nla_type(attr) != SLUICE_A_ACL_RULE)
			continue;
		err = parse_rule(attr, &acl->rule[acl->count++], info->extack);
		if (err) {
			kvfree(acl);
			return ERR_PTR(err);
		}
	}
	return acl;
}

int sluice_netlink_acl_set(struct sk_buff *skb, struct genl_info *info)
{
	struct sluice_net *sn = sluice_net(genl_info_net(info));
	struct sluice_acl __rcu **list;
	struct sluice_acl *acl, *old;

	acl = parse_rules(info);
	if (IS_ERR(acl))
		return PTR_ERR(acl);
	mutex_lock(&sn->config_lock);
	list = requested_list(sn, info->attrs, info->extack);
	if (IS_ERR(list)) {
		old = acl;
	} else {
		old = rcu_replace_pointer(*list, acl, lockdep_is_held(&sn->config_lock));
		sn->generation++;
	}
	mutex_unlock(&sn->config_lock);
	if (old)
		kvfree_rcu(old, rcu);
	return PTR_ERR_OR_ZERO(list);
}

/* -EMSGSIZE: it does not fit, and the message is as before. */
static int put_rule(struct sk_buff *msg, const struct sluice_rule *rule)
{
	struct sluice_prefix prefix = { .address = rule->prefix, .length = rule->prefix_length };
	struct nlattr *nest = nla_nest_start(msg, SLUICE_A_ACL_RULE);

	if (!nest)
		return -EMSGSIZE;
	if (nla_put_u8(msg, SLUICE_A_RULE_ACTION, rule->action) ||
	    (rule->protocol && nla_put_u8(msg, SLUICE_A_RULE_PROTOCOL, rule->protocol)) ||
	    (prefix.length && sluice_netlink_put_prefix(msg, SLUICE_A_RULE_PREFIX, &prefix)))
		goto err_cancel;
	if ((rule->port_first || rule->port_last != U16_MAX) &&
	    (nla_put_u16(msg, SLUICE_A_RULE_PORT_FIRST, rule->port_first) ||
	     nla_put_u16(msg, SLUICE_A_RULE_PORT_LAST, rule->port_last)))
		goto err_cancel;
	nla_nest_end(msg, nest);
	return 0;

err_cancel:
	nla_nest_cancel(msg, nest);
	return -EMSGSIZE;
}

/* The list's name as in the request, then rules from @first on.  Returns how many fit, or -EMSGSIZE. */
static int put_list(struct sk_buff *msg, struct nlattr **attrs, const struct sluice_acl *acl, u32 first)
{
	u32 i;

	if (attrs[SLUICE_A_ACL_NETWORK] &&
	    nla_put_u32(msg, SLUICE_A_ACL_NETWORK, nla_get_u32(attrs[SLUICE_A_ACL_NETWORK])))
		return -EMSGSIZE;
	if (attrs[SLUICE_A_ACL_CLIENT] &&
	    nla_put_u32(msg, SLUICE_A_ACL_CLIENT, nla_get_u32(attrs[SLUICE_A_ACL_CLIENT])))
		return -EMSGSIZE;
	for (i = first; i < acl->count; i++)
		if (put_rule(msg, &acl->rule[i]))
			break;
	return i > first ? i - first : -EMSGSIZE;
}

/* One message each time, with as many rules as fit.  A list that changes in between is told by its generation. */
int sluice_netlink_acl_get_dump(struct sk_buff *msg, struct netlink_callback *cb)
{
	struct nlattr **attrs = sluice_compat_genl_dump_attrs(cb);
	struct sluice_net *sn = sluice_net(sock_net(cb->skb->sk));
	struct sluice_acl __rcu **list;
	const struct sluice_acl *acl;
	void *header;
	int err = 0;

	mutex_lock(&sn->config_lock);
	cb->seq = sn->generation;
	list = requested_list(sn, attrs, cb->extack);
	if (IS_ERR(list)) {
		err = PTR_ERR(list);
		goto out;
	}
	acl = rcu_dereference_protected(*list, lockdep_is_held(&sn->config_lock));
	if (!acl || cb->args[0] >= acl->count)
		goto out;
	header = sluice_netlink_dump_header(msg, cb, SLUICE_CMD_ACL_GET);
	err = header ? put_list(msg, attrs, acl, cb->args[0]) : -EMSGSIZE;
	if (err < 0)
		goto out;
	genlmsg_end(msg, header);
	cb->args[0] += err;
	err = msg->len;
out:
	mutex_unlock(&sn->config_lock);
	return err;
}

int sluice_netlink_acl_test(struct sk_buff *skb, struct genl_info *info)
{
	struct sluice_net *sn = sluice_net(genl_info_net(info));
	struct in6_addr source, destination;
	struct sluice_decision decision;
	struct sluice_client *client;
	struct sk_buff *msg;
	void *header;
	u32 id, ifindex;
	u8 protocol;
	u16 port;

	if (GENL_REQ_ATTR_CHECK(info, SLUICE_A_ACL_SOURCE) || GENL_REQ_ATTR_CHECK(info, SLUICE_A_ACL_DESTINATION) ||
	    GENL_REQ_ATTR_CHECK(info, SLUICE_A_ACL_PROTOCOL) || GENL_REQ_ATTR_CHECK(info, SLUICE_A_ACL_PORT))
		return -EINVAL;
	source = nla_get_in6_addr(info->attrs[SLUICE_A_ACL_SOURCE]);
	destination = nla_get_in6_addr(info->attrs[SLUICE_A_ACL_DESTINATION]);
	protocol = nla_get_u8(info->attrs[SLUICE_A_ACL_PROTOCOL]);
	port = sluice_has_ports(protocol) ? nla_get_u16(info->attrs[SLUICE_A_ACL_PORT]) : 0;

	rcu_read_lock();
	client = sluice_client_lookup(sn, &source, NULL);
	if (!client) {
		rcu_read_unlock();
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[SLUICE_A_ACL_SOURCE], "no client has this address");
		return -ENOENT;
	}
	decision = sluice_acl_decide(rcu_dereference(client->acl), rcu_dereference(client->network->acl),
				     protocol, &destination, port);
	id = client->id;
	ifindex = client->network->dev->ifindex;
	rcu_read_unlock();

	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	header = genlmsg_put_reply(msg, info, &sluice_genl_family, 0, SLUICE_CMD_ACL_TEST);
	if (nla_put_u32(msg, SLUICE_A_ACL_NETWORK, ifindex) || nla_put_u32(msg, SLUICE_A_ACL_CLIENT, id) ||
	    nla_put_u8(msg, SLUICE_A_ACL_ACTION, decision.action) ||
	    nla_put_u8(msg, SLUICE_A_ACL_SCOPE, decision.scope) ||
	    (decision.scope != SLUICE_SCOPE_DEFAULT && nla_put_u32(msg, SLUICE_A_ACL_INDEX, decision.index))) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, header);
	return genlmsg_reply(msg, info);
}
