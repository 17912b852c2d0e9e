// SPDX-License-Identifier: GPL-2.0-only
/* Handlers of the netlink operations on networks, clients, parked SYNs and counters; uapi/sluice.yaml has them all. */

#include <net/genetlink.h>

#include "client.h"
#include "net.h"
#include "netlink.h"
#include "network.h"

static struct sluice_net *info_net(const struct genl_info *info)
{
	return sluice_net(genl_info_net((struct genl_info *)info));
}

struct sk_buff *sluice_netlink_reply_start(struct genl_info *info, u8 command, void **header)
{
	struct sk_buff *msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (!msg)
		return NULL;
	*header = genlmsg_put_reply(msg, info, &sluice_genl_family, 0, command);
	return msg;
}

int sluice_netlink_reply_finish(struct genl_info *info, struct sk_buff *msg, void *header, int err)
{
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	genlmsg_end(msg, header);
	return genlmsg_reply(msg, info);
}

void *sluice_netlink_dump_header(struct sk_buff *msg, struct netlink_callback *cb, u8 command)
{
	void *header = genlmsg_put(msg, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &sluice_genl_family,
				   NLM_F_MULTI, command);

	if (header)
		genl_dump_check_consistent(cb, header);
	return header;
}

int sluice_netlink_prefix(const struct nlattr *nest, struct sluice_prefix *prefix, struct netlink_ext_ack *extack)
{
	struct nlattr *tb[SLUICE_A_PREFIX_MAX + 1];
	struct in6_addr masked;
	int err;

	err = nla_parse_nested(tb, SLUICE_A_PREFIX_MAX, nest, sluice_prefix_policy, extack);
	if (err)
		return err;
	if (!tb[SLUICE_A_PREFIX_ADDRESS] || !tb[SLUICE_A_PREFIX_LENGTH]) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "a prefix needs an address and a length");
		return -EINVAL;
	}
	memset(prefix, 0, sizeof(*prefix));
	prefix->address = nla_get_in6_addr(tb[SLUICE_A_PREFIX_ADDRESS]);
	prefix->length = nla_get_u8(tb[SLUICE_A_PREFIX_LENGTH]);
	masked = prefix->address;
	sluice_address_mask(&masked, prefix->length);
	if (!ipv6_addr_equal(&masked, &prefix->address)) {
		NL_SET_ERR_MSG_ATTR(extack, tb[SLUICE_A_PREFIX_ADDRESS], "address has bits beyond the prefix length");
		return -EINVAL;
	}
	return 0;
}

int sluice_netlink_put_prefix(struct sk_buff *msg, int type, const struct sluice_prefix *prefix)
{
	struct nlattr *nest = nla_nest_start(msg, type);

	if (!nest || nla_put_in6_addr(msg, SLUICE_A_PREFIX_ADDRESS, &prefix->address) ||
	    nla_put_u8(msg, SLUICE_A_PREFIX_LENGTH, prefix->length))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

struct sluice_network *sluice_netlink_network(struct sluice_net *sn, const struct nlattr *attr,
					      struct netlink_ext_ack *extack)
{
	struct sluice_network *network = sluice_network_find(sn, nla_get_u32(attr));

	if (network)
		return network;
	NL_SET_ERR_MSG_ATTR(extack, attr, "no network has this ifindex");
	return ERR_PTR(-ENODEV);
}

/* ---- networks ---- */

/* The network of network-get and network-set, by ifindex or by name. */
static struct sluice_network *requested_network(struct sluice_net *sn, struct genl_info *info)
{
	struct nlattr *ifindex = info->attrs[SLUICE_A_NETWORK_IFINDEX];
	struct nlattr *name = info->attrs[SLUICE_A_NETWORK_NAME];
	struct sluice_network *network;

	if (ifindex)
		return sluice_netlink_network(sn, ifindex, info->extack);
	if (!name) {
		NL_SET_ERR_MSG(info->extack, "name the network by ifindex or by name");
		return ERR_PTR(-EINVAL);
	}
	network = sluice_network_find_name(sn, nla_data(name));
	if (network)
		return network;
	NL_SET_ERR_MSG_ATTR(info->extack, name, "no network has this name");
	return ERR_PTR(-ENODEV);
}

static int fill_network(struct sk_buff *msg, const struct sluice_network *network)
{
	if (nla_put_u32(msg, SLUICE_A_NETWORK_IFINDEX, network->dev->ifindex) ||
	    nla_put_string(msg, SLUICE_A_NETWORK_NAME, network->dev->name) ||
	    nla_put_u32(msg, SLUICE_A_NETWORK_PARK_TIMEOUT, network->park_timeout) ||
	    nla_put_u32(msg, SLUICE_A_NETWORK_PARK_MAX, network->park_max) ||
	    nla_put_u32(msg, SLUICE_A_NETWORK_PARK_CLIENT_MAX, network->park_client_max) ||
	    nla_put_u32(msg, SLUICE_A_NETWORK_PARK_SOURCE_MAX, network->park_source_max) ||
	    nla_put_u32(msg, SLUICE_A_NETWORK_PARKED, READ_ONCE(network->parked_count)) ||
	    nla_put_u32(msg, SLUICE_A_NETWORK_CLIENTS, network->clients) ||
	    nla_put_u32(msg, SLUICE_A_NETWORK_ASSOCIATION_MAX, network->association_max) ||
	    nla_put_u32(msg, SLUICE_A_NETWORK_ASSOCIATION_CLIENT_MAX, network->association_client_max) ||
	    nla_put_u32(msg, SLUICE_A_NETWORK_ASSOCIATION_SOURCE_MAX, network->association_source_max) ||
	    nla_put_u32(msg, SLUICE_A_NETWORK_DISCARD_TIME, network->discard_time) ||
	    nla_put_u32(msg, SLUICE_A_NETWORK_ASSOCIATIONS, READ_ONCE(network->association_count)))
		return -EMSGSIZE;
	return 0;
}

int sluice_netlink_network_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sluice_net *sn = info_net(info);
	struct sluice_network *network;
	struct sk_buff *msg;
	void *header;
	int err;

	msg = sluice_netlink_reply_start(info, SLUICE_CMD_NETWORK_GET, &header);
	if (!msg)
		return -ENOMEM;
	mutex_lock(&sn->config_lock);
	network = requested_network(sn, info);
	err = PTR_ERR_OR_ZERO(network) ?: fill_network(msg, network);
	mutex_unlock(&sn->config_lock);
	return sluice_netlink_reply_finish(info, msg, header, err);
}

int sluice_netlink_network_get_dump(struct sk_buff *msg, struct netlink_callback *cb)
{
	struct sluice_net *sn = sluice_net(sock_net(cb->skb->sk));
	struct sluice_network *network;
	long position = 0;
	void *header;

	mutex_lock(&sn->config_lock);
	cb->seq = sn->generation;
	list_for_each_entry(network, &sn->networks, list) {
		if (position++ < cb->args[0])
			continue;
		header = sluice_netlink_dump_header(msg, cb, SLUICE_CMD_NETWORK_GET);
		if (!header)
			break;
		if (fill_network(msg, network)) {
			genlmsg_cancel(msg, header);
			break;
		}
		genlmsg_end(msg, header);
		cb->args[0]++;
	}
	mutex_unlock(&sn->config_lock);
	return msg->len;
}

/* A limit that the hook reads without a lock. */
static void set_limit(u32 *limit, const struct nlattr *attr)
{
	if (attr)
		WRITE_ONCE(*limit, nla_get_u32(attr));
}

int sluice_netlink_network_set(struct sk_buff *skb, struct genl_info *info)
{
	struct sluice_net *sn = info_net(info);
	struct nlattr **attrs = info->attrs;
	struct sluice_network *network;

	mutex_lock(&sn->config_lock);
	network = requested_network(sn, info);
	if (!IS_ERR(network)) {
		set_limit(&network->park_timeout, attrs[SLUICE_A_NETWORK_PARK_TIMEOUT]);
		set_limit(&network->park_max, attrs[SLUICE_A_NETWORK_PARK_MAX]);
		set_limit(&network->park_client_max, attrs[SLUICE_A_NETWORK_PARK_CLIENT_MAX]);
		set_limit(&network->park_source_max, attrs[SLUICE_A_NETWORK_PARK_SOURCE_MAX]);
		set_limit(&network->association_max, attrs[SLUICE_A_NETWORK_ASSOCIATION_MAX]);
		set_limit(&network->association_client_max, attrs[SLUICE_A_NETWORK_ASSOCIATION_CLIENT_MAX]);
		set_limit(&network->association_source_max, attrs[SLUICE_A_NETWORK_ASSOCIATION_SOURCE_MAX]);
		set_limit(&network->discard_time, attrs[SLUICE_A_NETWORK_DISCARD_TIME]);
	}
	mutex_unlock(&sn->config_lock);
	return PTR_ERR_OR_ZERO(network);
}

/* ---- clients ---- */

static int request_prefixes(struct genl_info *info, struct sluice_prefix *prefixes, u32 *count)
{
	struct nlattr *attr;
	int err, remaining;

	*count = 0;
	nlmsg_for_each_attr(attr, info->nlhdr, GENL_HDRLEN, remaining) {
		if (nla_type(attr) != SLUICE_A_CLIENT_PREFIX)
			continue;
		if (*count == SLUICE_CLIENT_PREFIXES_MAX) {
			NL_SET_ERR_MSG_ATTR(info->extack, attr, "a client has at most 16 prefixes");
			return -E2BIG;
		}
		err = sluice_netlink_prefix(attr, &prefixes[*count], info->extack);
		if (err)
			return err;
		++*count;
	}
	return 0;
}

int sluice_netlink_client_new(struct sk_buff *skb, struct genl_info *info)
{
	struct sluice_prefix prefixes[SLUICE_CLIENT_PREFIXES_MAX];
	struct sluice_net *sn = info_net(info);
	struct sluice_network *network;
	struct net_device *dev;
	int access, err;
	u32 count;

	if (GENL_REQ_ATTR_CHECK(info, SLUICE_A_CLIENT_ID) || GENL_REQ_ATTR_CHECK(info, SLUICE_A_CLIENT_NETWORK) ||
	    GENL_REQ_ATTR_CHECK(info, SLUICE_A_CLIENT_ACCESS) || GENL_REQ_ATTR_CHECK(info, SLUICE_A_CLIENT_PREFIX))
		return -EINVAL;
	err = request_prefixes(info, prefixes, &count);
	if (err)
		return err;

	access = nla_get_u32(info->attrs[SLUICE_A_CLIENT_ACCESS]);
	rcu_read_lock();
	dev = dev_get_by_index_rcu(sn->net, access);
	if (!dev) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[SLUICE_A_CLIENT_ACCESS], "no device has this ifindex");
		err = -ENODEV;
	} else if (netif_is_l3_slave(dev) || netif_is_l3_master(dev)) {
		/* It would meet the hook twice, as another device the second time. */
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[SLUICE_A_CLIENT_ACCESS],
				    "clients cannot come in on a VRF or on a device in one");
		err = -EOPNOTSUPP;
	} else if (dev->flags & IFF_LOOPBACK ||
		   (sluice_dev_is_network(dev) && access != nla_get_u32(info->attrs[SLUICE_A_CLIENT_NETWORK]))) {
		/* On its own network's device come those of ESP. */
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[SLUICE_A_CLIENT_ACCESS],
				    "clients cannot come in on a loopback device or on another network's device");
		err = -EINVAL;
	}
	rcu_read_unlock();
	if (err)
		return err;

	mutex_lock(&sn->config_lock);
	network = sluice_netlink_network(sn, info->attrs[SLUICE_A_CLIENT_NETWORK], info->extack);
	err = PTR_ERR_OR_ZERO(network) ?:
	      sluice_client_create(sn, network, nla_get_u32(info->attrs[SLUICE_A_CLIENT_ID]), access, prefixes, count,
				   info->extack);
	mutex_unlock(&sn->config_lock);
	return err;
}

/* config_lock held.  The client of client-del and client-get. */
static struct sluice_client *requested_client(struct sluice_net *sn, struct genl_info *info)
{
	struct sluice_client *client;

	if (GENL_REQ_ATTR_CHECK(info, SLUICE_A_CLIENT_ID))
		return ERR_PTR(-EINVAL);
	client = xa_load(&sn->clients, nla_get_u32(info->attrs[SLUICE_A_CLIENT_ID]));
	if (client)
		return client;
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[SLUICE_A_CLIENT_ID], "no client has this id");
	return ERR_PTR(-ENOENT);
}

int sluice_netlink_client_del(struct sk_buff *skb, struct genl_info *info)
{
	struct sluice_net *sn = info_net(info);
	struct sluice_network *network;
	struct sluice_client *client;
	u32 id;

	mutex_lock(&sn->config_lock);
	client = requested_client(sn, info);
	if (!IS_ERR(client)) {
		network = client->network;
		id = client->id;
		sluice_client_remove(sn, client);
		/* A hook that still has the client may park one more SYN, which then just expires. */
		sluice_park_flush_client(&sn->park, network, id);
	}
	mutex_unlock(&sn->config_lock);
	return PTR_ERR_OR_ZERO(client);
}

static int fill_client(struct sk_buff *msg, const struct sluice_client *client)
{
	u32 i;

	if (nla_put_u32(msg, SLUICE_A_CLIENT_ID, client->id) ||
	    nla_put_u32(msg, SLUICE_A_CLIENT_NETWORK, client->network->dev->ifindex) ||
	    nla_put_u32(msg, SLUICE_A_CLIENT_ACCESS, client->access))
		return -EMSGSIZE;
	for (i = 0; i < client->count; i++)
		if (sluice_netlink_put_prefix(msg, SLUICE_A_CLIENT_PREFIX, &client->prefix[i].prefix))
			return -EMSGSIZE;
	return 0;
}

int sluice_netlink_client_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sluice_net *sn = info_net(info);
	struct sluice_client *client;
	struct sk_buff *msg;
	void *header;
	int err;

	msg = sluice_netlink_reply_start(info, SLUICE_CMD_CLIENT_GET, &header);
	if (!msg)
		return -ENOMEM;
	mutex_lock(&sn->config_lock);
	client = requested_client(sn, info);
	err = PTR_ERR_OR_ZERO(client) ?: fill_client(msg, client);
	mutex_unlock(&sn->config_lock);
	return sluice_netlink_reply_finish(info, msg, header, err);
}

int sluice_netlink_client_get_dump(struct sk_buff *msg, struct netlink_callback *cb)
{
	struct sluice_net *sn = sluice_net(sock_net(cb->skb->sk));
	struct sluice_client *client;
	unsigned long id;
	void *header;

	mutex_lock(&sn->config_lock);
	xa_for_each_start(&sn->clients, id, client, cb->args[0]) {
		header = sluice_netlink_dump_header(msg, cb, SLUICE_CMD_CLIENT_GET);
		if (!header)
			break;
		if (fill_client(msg, client)) {
			genlmsg_cancel(msg, header);
			break;
		}
		genlmsg_end(msg, header);
		cb->args[0] = id + 1;
	}
	mutex_unlock(&sn->config_lock);
	return msg->len;
}

/* ---- parked SYNs and counters ---- */

#define SLUICE_DUMP_STEP	1024	/* entries passed over in one hold of the park's lock */

/*
 * Of what was there when the dump began: ids grow, and a reader that is slower than a flood would never come to the end
 * of it.  False: there is more, and room for it.
 */
static bool dump_parked(struct sk_buff *msg, struct netlink_callback *cb, struct sluice_net *sn)
{
	unsigned int passed_over = 0;
	struct sluice_parked *entry;
	bool done = true;
	unsigned long id;
	void *header;

	spin_lock_bh(&sn->park.lock);
	xa_for_each_start(&sn->park.ids, id, entry, cb->args[0]) {
		if (time_after(entry->parked_at, (unsigned long)cb->args[1])) {
			cb->args[0] = id + 1;
			if (++passed_over < SLUICE_DUMP_STEP)
				continue;
			done = false;
			break;
		}
		header = sluice_netlink_dump_header(msg, cb, SLUICE_CMD_PARKED_GET);
		if (!header)
			break;
		if (sluice_parked_fill(msg, entry)) {
			genlmsg_cancel(msg, header);
			break;
		}
		genlmsg_end(msg, header);
		cb->args[0] = id + 1;
	}
	spin_unlock_bh(&sn->park.lock);
	return done;
}

int sluice_netlink_parked_get_dump(struct sk_buff *msg, struct netlink_callback *cb)
{
	struct sluice_net *sn = sluice_net(sock_net(cb->skb->sk));

	if (!cb->args[2]) {
		cb->args[1] = jiffies;
		cb->args[2] = true;
	}
	while (!dump_parked(msg, cb, sn))
		cond_resched();
	return msg->len;
}

static int fill_counters(struct sk_buff *msg, const struct sluice_net *sn, const struct sluice_network *network)
{
	int i;

	if (!network) {
		for (i = 0; i < __SLUICE_NS_COUNT_MAX; i++)
			if (nla_put_u64_64bit(msg, SLUICE_A_COUNTER_FIRST_NAMESPACE + i, sluice_ns_count_read(sn, i),
					      SLUICE_A_COUNTER_PAD))
				return -EMSGSIZE;
		return 0;
	}
	if (nla_put_u32(msg, SLUICE_A_COUNTER_NETWORK, network->dev->ifindex) ||
	    nla_put_string(msg, SLUICE_A_COUNTER_NAME, network->dev->name))
		return -EMSGSIZE;
	for (i = 0; i < __SLUICE_COUNT_MAX; i++)
		if (nla_put_u64_64bit(msg, SLUICE_A_COUNTER_FIRST_NETWORK + i, sluice_count_read(network, i),
				      SLUICE_A_COUNTER_PAD))
			return -EMSGSIZE;
	return 0;
}

/* One message; false: it did not fit. */
static bool dump_counters(struct sk_buff *msg, struct netlink_callback *cb, const struct sluice_net *sn,
			  const struct sluice_network *network)
{
	void *header = sluice_netlink_dump_header(msg, cb, SLUICE_CMD_COUNTER_GET);

	if (!header)
		return false;
	if (fill_counters(msg, sn, network)) {
		genlmsg_cancel(msg, header);
		return false;
	}
	genlmsg_end(msg, header);
	cb->args[0]++;
	return true;
}

/* Position 0 is the namespace, then the networks. */
int sluice_netlink_counter_get_dump(struct sk_buff *msg, struct netlink_callback *cb)
{
	struct sluice_net *sn = sluice_net(sock_net(cb->skb->sk));
	struct sluice_network *network;
	long position = 1;

	mutex_lock(&sn->config_lock);
	cb->seq = sn->generation;
	if (!cb->args[0] && !dump_counters(msg, cb, sn, NULL))
		goto out;
	list_for_each_entry(network, &sn->networks, list)
		if (position++ >= cb->args[0] && !dump_counters(msg, cb, sn, network))
			break;
out:
	mutex_unlock(&sn->config_lock);
	return msg->len;
}

/* ---- the family ---- */

struct genl_family sluice_genl_family __ro_after_init = {
	.name = SLUICE_GENL_NAME,
	.version = SLUICE_GENL_VERSION,
	.netnsok = true,
	.module = THIS_MODULE,
	.ops = sluice_netlink_ops,
	/* From the first operation on, what has no policy takes no attributes. */
	.resv_start_op = 1,
};

int __init sluice_netlink_register(void)
{
	sluice_genl_family.n_ops = sluice_netlink_ops_count;
	return genl_register_family(&sluice_genl_family);
}

void sluice_netlink_unregister(void)
{
	genl_unregister_family(&sluice_genl_family);
}
