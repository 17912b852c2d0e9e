// SPDX-License-Identifier: GPL-2.0-only
/* Handlers of the netlink operations on ESP: pools, generations, the namespace's settings, ESP clients. */

#include <net/genetlink.h>

#include "cipher.h"
#include "derive.h"
#include "esp.h"
#include "net.h"
#include "netlink.h"
#include "network.h"

static struct sluice_generation *slot_locked(struct sluice_net *sn, unsigned int slot)
{
	return rcu_dereference_protected(sn->esp.slot[slot], lockdep_is_held(&sn->config_lock));
}

static const struct sluice_pools *pools_locked(struct sluice_net *sn)
{
	return rcu_dereference_protected(sn->esp.pools, lockdep_is_held(&sn->config_lock));
}

static u32 get_u32(const struct nlattr *attr, u32 otherwise)
{
	return attr ? nla_get_u32(attr) : otherwise;
}

/* ---- pools ---- */

/* An address of the family that the attribute is for; unspecified stays unspecified where @optional. */
static int request_address(const struct nlattr *attr, bool ipv4, bool optional, struct in6_addr *address,
		       struct netlink_ext_ack *extack)
{
	if (!attr)
		return 0;
	*address = nla_get_in6_addr(attr);
	if (optional && ipv6_addr_any(address))
		return 0;
	if (ipv4 == ipv6_addr_v4mapped(address) && !ipv6_addr_any(address))
		return 0;
	if (ipv4)
		NL_SET_ERR_MSG_ATTR(extack, attr, "not an IPv4-mapped address");
	else
		NL_SET_ERR_MSG_ATTR(extack, attr, "not an IPv6 address");
	return -EINVAL;
}

int sluice_netlink_pool_new(struct sk_buff *skb, struct genl_info *info)
{
	struct sluice_net *sn = sluice_net(genl_info_net(info));
	struct nlattr **attrs = info->attrs;
	struct sluice_pool pool = {};
	int err;

	if (GENL_REQ_ATTR_CHECK(info, SLUICE_A_POOL_NETWORK) || GENL_REQ_ATTR_CHECK(info, SLUICE_A_POOL_FIRST) ||
	    GENL_REQ_ATTR_CHECK(info, SLUICE_A_POOL_LAST))
		return -EINVAL;
	pool.first = nla_get_u32(attrs[SLUICE_A_POOL_FIRST]);
	pool.last = nla_get_u32(attrs[SLUICE_A_POOL_LAST]);
	pool.host = attrs[SLUICE_A_POOL_HOST] && nla_get_u8(attrs[SLUICE_A_POOL_HOST]);
	err = request_address(attrs[SLUICE_A_POOL_BASE_IPV4], true, false, &pool.base[SLUICE_POOL_IPV4], info->extack) ?:
	      request_address(attrs[SLUICE_A_POOL_BASE_IPV6], false, false, &pool.base[SLUICE_POOL_IPV6], info->extack);
	if (err)
		return err;
	if (!sluice_pool_base_ok(&pool, SLUICE_POOL_IPV4)) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[SLUICE_A_POOL_BASE_IPV4],
				    "base-ipv4 plus an id is no address that a host can have");
		return -EINVAL;
	}
	if (!sluice_pool_base_ok(&pool, SLUICE_POOL_IPV6)) {
		NL_SET_ERR_MSG_ATTR(info->extack, attrs[SLUICE_A_POOL_BASE_IPV6],
				    "base-ipv6 has some of its last 20 bits set, or is not unicast, or is link-local");
		return -EINVAL;
	}

	mutex_lock(&sn->config_lock);
	pool.network = sluice_netlink_network(sn, attrs[SLUICE_A_POOL_NETWORK], info->extack);
	err = PTR_ERR_OR_ZERO(pool.network);
	if (!err) {
		err = sluice_pool_create(sn, &pool, info->extack);
		if (err)
			NL_SET_BAD_ATTR(info->extack, attrs[SLUICE_A_POOL_FIRST]);
	}
	mutex_unlock(&sn->config_lock);
	return err;
}

int sluice_netlink_pool_del(struct sk_buff *skb, struct genl_info *info)
{
	struct sluice_net *sn = sluice_net(genl_info_net(info));
	int err;

	if (GENL_REQ_ATTR_CHECK(info, SLUICE_A_POOL_FIRST))
		return -EINVAL;
	mutex_lock(&sn->config_lock);
	err = sluice_pool_remove(sn, nla_get_u32(info->attrs[SLUICE_A_POOL_FIRST]));
	mutex_unlock(&sn->config_lock);
	if (err == -ENOENT)
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[SLUICE_A_POOL_FIRST], "no pool begins with this id");
	return err;
}

static int fill_pool(struct sk_buff *msg, const struct sluice_pool *pool)
{
	if (nla_put_u32(msg, SLUICE_A_POOL_NETWORK, pool->network->dev->ifindex) ||
	    nla_put_u32(msg, SLUICE_A_POOL_FIRST, pool->first) || nla_put_u32(msg, SLUICE_A_POOL_LAST, pool->last) ||
	    nla_put_u8(msg, SLUICE_A_POOL_HOST, pool->host))
		return -EMSGSIZE;
	if (!ipv6_addr_any(&pool->base[SLUICE_POOL_IPV4]) &&
	    nla_put_in6_addr(msg, SLUICE_A_POOL_BASE_IPV4, &pool->base[SLUICE_POOL_IPV4]))
		return -EMSGSIZE;
	if (!ipv6_addr_any(&pool->base[SLUICE_POOL_IPV6]) &&
	    nla_put_in6_addr(msg, SLUICE_A_POOL_BASE_IPV6, &pool->base[SLUICE_POOL_IPV6]))
		return -EMSGSIZE;
	return 0;
}

/* The cursor is the id after the last pool's. */
int sluice_netlink_pool_get_dump(struct sk_buff *msg, struct netlink_callback *cb)
{
	struct sluice_net *sn = sluice_net(sock_net(cb->skb->sk));
	const struct sluice_pools *pools;
	unsigned int i;
	void *header;

	mutex_lock(&sn->config_lock);
	cb->seq = sn->generation;
	pools = pools_locked(sn);
	for (i = 0; pools && i < pools->count; i++) {
		const struct sluice_pool *pool = &pools->pool[i];

		if (pool->first < cb->args[0])
			continue;
		header = sluice_netlink_dump_header(msg, cb, SLUICE_CMD_POOL_GET);
		if (!header)
			break;
		if (fill_pool(msg, pool)) {
			genlmsg_cancel(msg, header);
			break;
		}
		genlmsg_end(msg, header);
		cb->args[0] = pool->last + 1;
	}
	mutex_unlock(&sn->config_lock);
	return msg->len;
}

/* ---- settings ---- */

int sluice_netlink_esp_set(struct sk_buff *skb, struct genl_info *info)
{
	struct sluice_net *sn = sluice_net(genl_info_net(info));
	struct nlattr **attrs = info->attrs;
	struct in6_addr source[2] = {};
	int err;

	err = request_address(attrs[SLUICE_A_ESP_SOURCE_IPV4], true, true, &source[SLUICE_POOL_IPV4], info->extack) ?:
	      request_address(attrs[SLUICE_A_ESP_SOURCE_IPV6], false, true, &source[SLUICE_POOL_IPV6], info->extack);
	if (err)
		return err;
	mutex_lock(&sn->config_lock);
	if (attrs[SLUICE_A_ESP_UDP_PORT]) {
		err = sluice_esp_udp_open(sn, nla_get_u16(attrs[SLUICE_A_ESP_UDP_PORT]), info->extack);
		if (err)
			NL_SET_BAD_ATTR(info->extack, attrs[SLUICE_A_ESP_UDP_PORT]);
	}
	if (!err) {
		write_seqlock_bh(&sn->esp.source_lock);
		if (attrs[SLUICE_A_ESP_SOURCE_IPV4])
			sn->esp.source[SLUICE_POOL_IPV4] = source[SLUICE_POOL_IPV4];
		if (attrs[SLUICE_A_ESP_SOURCE_IPV6])
			sn->esp.source[SLUICE_POOL_IPV6] = source[SLUICE_POOL_IPV6];
		write_sequnlock_bh(&sn->esp.source_lock);
		WRITE_ONCE(sn->esp.unknown_rate, get_u32(attrs[SLUICE_A_ESP_UNKNOWN_RATE], sn->esp.unknown_rate));
	}
	mutex_unlock(&sn->config_lock);
	return err;
}

static int fill_esp(struct sk_buff *msg, const struct sluice_esp *esp, const char *driver, const char *fallback)
{
	if (nla_put_u16(msg, SLUICE_A_ESP_UDP_PORT, esp->udp_port) ||
	    nla_put_in6_addr(msg, SLUICE_A_ESP_SOURCE_IPV4, &esp->source[SLUICE_POOL_IPV4]) ||
	    nla_put_in6_addr(msg, SLUICE_A_ESP_SOURCE_IPV6, &esp->source[SLUICE_POOL_IPV6]) ||
	    nla_put_u32(msg, SLUICE_A_ESP_UNKNOWN_RATE, esp->unknown_rate) ||
	    nla_put(msg, SLUICE_A_ESP_BOOT_NONCE, sizeof(esp->nonce), esp->nonce) ||
	    nla_put_u32(msg, SLUICE_A_ESP_KEY_CACHE, sluice_ciphers_kept()) ||
	    nla_put_u32(msg, SLUICE_A_ESP_NEWEST, esp->newest) ||
	    nla_put_string(msg, SLUICE_A_ESP_DRIVER, driver) ||
	    (fallback && nla_put_string(msg, SLUICE_A_ESP_FALLBACK, fallback)))
		return -EMSGSIZE;
	return 0;
}

int sluice_netlink_esp_get(struct sk_buff *skb, struct genl_info *info)
{
	const char *driver = sluice_engine_name(), *fallback = sluice_engine_fallback();
	struct sluice_net *sn = sluice_net(genl_info_net(info));
	struct sk_buff *msg;
	void *header;
	int err;

	msg = sluice_netlink_reply_start(info, SLUICE_CMD_ESP_GET, &header);
	if (!msg)
		return -ENOMEM;
	mutex_lock(&sn->config_lock);
	err = fill_esp(msg, &sn->esp, driver, fallback);
	mutex_unlock(&sn->config_lock);
	return sluice_netlink_reply_finish(info, msg, header, err);
}

/* ---- generations ---- */

static int generation_new(struct genl_info *info)
{
	struct nlattr *key = info->attrs[SLUICE_A_GENERATION_MASTER_KEY];
	struct nlattr *algorithm = info->attrs[SLUICE_A_GENERATION_ALGORITHM];
	struct sluice_generation_request request = {};
	struct sluice_net *sn = sluice_net(genl_info_net(info));
	int err;

	if (GENL_REQ_ATTR_CHECK(info, SLUICE_A_GENERATION_NUMBER) ||
	    GENL_REQ_ATTR_CHECK(info, SLUICE_A_GENERATION_MASTER_KEY))
		return -EINVAL;
	request.number = nla_get_u32(info->attrs[SLUICE_A_GENERATION_NUMBER]);
	request.algorithm = algorithm ? nla_get_u8(algorithm) : SLUICE_ALGORITHM_AES_256_GCM;
	request.lifetime = get_u32(info->attrs[SLUICE_A_GENERATION_LIFETIME], 3600);
	request.key = nla_data(key);
	if (request.algorithm == SLUICE_ALGORITHM_UNSPECIFIED) {
		NL_SET_ERR_MSG_ATTR(info->extack, algorithm, "no such algorithm");
		return -EINVAL;
	}
	err = sluice_ciphers_get(&request.ciphers);
	if (err) {
		NL_SET_ERR_MSG(info->extack, "each processor's ciphers cannot be made; the module parameter key_cache makes them fewer");
		return err;
	}
	mutex_lock(&sn->config_lock);
	err = sluice_generation_create(sn, &request, info->extack);
	mutex_unlock(&sn->config_lock);
	if (err)
		NL_SET_BAD_ATTR(info->extack, err == -EKEYREJECTED ? key : info->attrs[SLUICE_A_GENERATION_NUMBER]);
	return err;
}

/*
 * The request's buffer is the kernel's own copy of the key, and an acknowledgement of an error repeats it (O6): it is
 * wiped whatever is wrong with the request.  That is why its attributes are parsed here: generic netlink would refuse
 * some before anybody could, as it still does with what are no attributes at all.
 */
int sluice_netlink_generation_new(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *attrs[ARRAY_SIZE(sluice_generation_new_policy)] = {};
	int err;

	info->attrs = attrs;
	err = genlmsg_parse(info->nlhdr, &sluice_genl_family, attrs, ARRAY_SIZE(attrs) - 1, sluice_generation_new_policy,
			    info->extack);
	if (!err)
		err = generation_new(info);
	memzero_explicit(genlmsg_data(info->genlhdr), genlmsg_len(info->genlhdr));
	info->attrs = NULL;
	return err;
}

int sluice_netlink_generation_promote(struct sk_buff *skb, struct genl_info *info)
{
	struct sluice_net *sn = sluice_net(genl_info_net(info));
	int err;

	if (GENL_REQ_ATTR_CHECK(info, SLUICE_A_GENERATION_NUMBER))
		return -EINVAL;
	mutex_lock(&sn->config_lock);
	err = sluice_generation_promote(sn, nla_get_u32(info->attrs[SLUICE_A_GENERATION_NUMBER]),
					get_u32(info->attrs[SLUICE_A_GENERATION_OVERLAP], 600), info->extack);
	mutex_unlock(&sn->config_lock);
	if (err)
		NL_SET_BAD_ATTR(info->extack, info->attrs[SLUICE_A_GENERATION_NUMBER]);
	return err;
}

int sluice_netlink_generation_del(struct sk_buff *skb, struct genl_info *info)
{
	struct sluice_net *sn = sluice_net(genl_info_net(info));
	int err;

	if (GENL_REQ_ATTR_CHECK(info, SLUICE_A_GENERATION_NUMBER))
		return -EINVAL;
	mutex_lock(&sn->config_lock);
	err = sluice_generation_remove(sn, nla_get_u32(info->attrs[SLUICE_A_GENERATION_NUMBER]));
	mutex_unlock(&sn->config_lock);
	if (err)
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[SLUICE_A_GENERATION_NUMBER],
				    "no live generation has this number");
	return err;
}

static int fill_generation(struct sk_buff *msg, const struct sluice_generation *generation)
{
	long left = generation->end - jiffies;

	if (nla_put_u32(msg, SLUICE_A_GENERATION_NUMBER, generation->number) ||
	    nla_put_u8(msg, SLUICE_A_GENERATION_ALGORITHM, generation->algorithm) ||
	    nla_put_u8(msg, SLUICE_A_GENERATION_STATE, generation->state) ||
	    nla_put_u32(msg, SLUICE_A_GENERATION_REMAINING, max(left, 0L) / HZ) ||
	    nla_put_u32(msg, SLUICE_A_GENERATION_CLIENTS, atomic_read(&generation->records.heard)) ||
	    nla_put_u32(msg, SLUICE_A_GENERATION_MEMORY, sluice_records_memory(&generation->records)))
		return -EMSGSIZE;
	return 0;
}

/* The cursor is a slot. */
int sluice_netlink_generation_get_dump(struct sk_buff *msg, struct netlink_callback *cb)
{
	struct sluice_net *sn = sluice_net(sock_net(cb->skb->sk));
	struct sluice_generation *generation;
	void *header;

	mutex_lock(&sn->config_lock);
	for (; cb->args[0] < SLUICE_SPI_SLOTS; cb->args[0]++) {
		generation = slot_locked(sn, cb->args[0]);
		if (!sluice_generation_live(generation))
			continue;
		header = sluice_netlink_dump_header(msg, cb, SLUICE_CMD_GENERATION_GET);
		if (!header)
			break;
		if (fill_generation(msg, generation)) {
			genlmsg_cancel(msg, header);
			break;
		}
		genlmsg_end(msg, header);
	}
	mutex_unlock(&sn->config_lock);
	return msg->len;
}

/* ---- ESP clients ---- */

int sluice_netlink_esp_client_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *minimum = info->attrs[SLUICE_A_ESP_CLIENT_INCARNATION_MIN];
	struct nlattr *banned = info->attrs[SLUICE_A_ESP_CLIENT_BANNED];
	struct sluice_net *sn = sluice_net(genl_info_net(info));
	int err = 0;
	u32 id;

	if (GENL_REQ_ATTR_CHECK(info, SLUICE_A_ESP_CLIENT_ID))
		return -EINVAL;
	if (!minimum && !banned) {
		NL_SET_ERR_MSG(info->extack, "nothing to change: give incarnation-min or banned");
		return -EINVAL;
	}
	id = nla_get_u32(info->attrs[SLUICE_A_ESP_CLIENT_ID]);
	mutex_lock(&sn->config_lock);
	if (minimum)
		err = sluice_esp_revoke(sn, id, get_u32(info->attrs[SLUICE_A_ESP_CLIENT_GENERATION], 0),
					nla_get_u16(minimum));
	if (!err && banned)
		err = sluice_esp_ban(sn, id, nla_get_u8(banned));
	mutex_unlock(&sn->config_lock);
	if (err == -ENOENT)
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[SLUICE_A_ESP_CLIENT_GENERATION],
				    "no live generation has this number");
	/* The packet of the moment is the last one. */
	if (!err)
		synchronize_net();
	return err;
}

static int fill_esp_client(struct sk_buff *msg, struct sluice_net *sn, const struct sluice_generation *generation, u32 id,
			   const struct sluice_record *record, bool banned)
{
	const struct sluice_pool *pool = sluice_pool_find(pools_locked(sn), id);
	struct in6_addr inner;

	if (nla_put_u32(msg, SLUICE_A_ESP_CLIENT_ID, id) ||
	    nla_put_u32(msg, SLUICE_A_ESP_CLIENT_GENERATION, generation->number) ||
	    nla_put_u16(msg, SLUICE_A_ESP_CLIENT_INCARNATION, record->incarnation) ||
	    nla_put_u16(msg, SLUICE_A_ESP_CLIENT_INCARNATION_MIN, record->incarnation_min) ||
	    nla_put_u8(msg, SLUICE_A_ESP_CLIENT_BANNED, banned))
		return -EMSGSIZE;
	if (record->flags & SLUICE_RECORD_HEARD &&
	    (nla_put_in6_addr(msg, SLUICE_A_ESP_CLIENT_ADDRESS, &record->address) ||
	     nla_put_u16(msg, SLUICE_A_ESP_CLIENT_PORT, ntohs(record->port)) ||
	     nla_put_u8(msg, SLUICE_A_ESP_CLIENT_ENCAPSULATION,
			record->flags & SLUICE_RECORD_UDP ? SLUICE_ENCAPSULATION_UDP : SLUICE_ENCAPSULATION_NATIVE) ||
	     nla_put_u32(msg, SLUICE_A_ESP_CLIENT_RECEIVED, record->replay.top) ||
	     nla_put_u32(msg, SLUICE_A_ESP_CLIENT_SENT, record->sent) ||
	     nla_put_u32(msg, SLUICE_A_ESP_CLIENT_IDLE, jiffies_to_msecs((u32)jiffies - record->seen)) ||
	     nla_put_u32(msg, SLUICE_A_ESP_CLIENT_MOVES, record->moves) ||
	     nla_put_u32(msg, SLUICE_A_ESP_CLIENT_FAILURES, record->failures)))
		return -EMSGSIZE;
	if (!pool)
		return 0;
	if (nla_put_u32(msg, SLUICE_A_ESP_CLIENT_NETWORK, pool->network->dev->ifindex))
		return -EMSGSIZE;
	if (sluice_pool_address(pool, SLUICE_POOL_IPV4, id, &inner) &&
	    nla_put_in6_addr(msg, SLUICE_A_ESP_CLIENT_INNER_IPV4, &inner))
		return -EMSGSIZE;
	if (sluice_pool_address(pool, SLUICE_POOL_IPV6, id, &inner) &&
	    nla_put_in6_addr(msg, SLUICE_A_ESP_CLIENT_INNER_IPV6, &inner))
		return -EMSGSIZE;
	return 0;
}

/* One client.  0: told, or nothing to tell; -EMSGSIZE: no room. */
static int dump_esp_client(struct sk_buff *msg, struct netlink_callback *cb, struct sluice_net *sn,
			   struct sluice_generation *generation, u32 id)
{
	const struct sluice_record *record = sluice_record_find(&generation->records, id);
	spinlock_t *lock = sluice_record_lock(&generation->records, id);
	static const struct sluice_record nothing;
	struct sluice_record copy = nothing;
	const unsigned long *map = rcu_dereference_protected(sn->esp.banned, lockdep_is_held(&sn->config_lock));
	bool banned = map && test_bit(id, map);
	void *header;

	if (record) {
		spin_lock_bh(lock);
		copy = *record;
		spin_unlock_bh(lock);
	}
	if (!(copy.flags & SLUICE_RECORD_HEARD) && !copy.incarnation_min && !banned)
		return 0;
	header = sluice_netlink_dump_header(msg, cb, SLUICE_CMD_ESP_CLIENT_GET);
	if (!header)
		return -EMSGSIZE;
	if (fill_esp_client(msg, sn, generation, id, &copy, banned)) {
		genlmsg_cancel(msg, header);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, header);
	return 0;
}

/* The next id that may be worth a look: pages that nobody has made are passed over, but for bans. */
static u32 next_id(struct sluice_net *sn, const struct sluice_generation *generation, u32 id)
{
	const unsigned long *map = rcu_dereference_protected(sn->esp.banned, lockdep_is_held(&sn->config_lock));
	u32 page = id / SLUICE_RECORDS_A_PAGE, banned;

	if (READ_ONCE(generation->records.page[page]))
		return id;
	while (page < SLUICE_RECORD_PAGES && !READ_ONCE(generation->records.page[page]))
		page++;
	banned = map ? find_next_bit(map, SLUICE_SPI_IDS, id) : SLUICE_SPI_IDS;
	return min(banned, page * SLUICE_RECORDS_A_PAGE);
}

/* Cursors: a generation's number (they are dumped in that order), and the next id. */
int sluice_netlink_esp_client_get_dump(struct sk_buff *msg, struct netlink_callback *cb)
{
	struct nlattr **attrs = sluice_compat_genl_dump_attrs(cb);
	u32 number = get_u32(attrs[SLUICE_A_ESP_CLIENT_GENERATION], 0), only = get_u32(attrs[SLUICE_A_ESP_CLIENT_ID], 0);
	struct sluice_net *sn = sluice_net(sock_net(cb->skb->sk));
	struct sluice_generation *generation, *found;
	unsigned int i;
	u32 id;

	mutex_lock(&sn->config_lock);
	for (;;) {
		found = NULL;
		for (i = 0; i < SLUICE_SPI_SLOTS; i++) {
			generation = slot_locked(sn, i);
			if (generation && generation->number >= cb->args[0] && (!number || generation->number == number) &&
			    (!found || generation->number < found->number))
				found = generation;
		}
		if (!found)
			break;
		if (cb->args[0] != found->number) {
			cb->args[0] = found->number;
			cb->args[1] = 0;
		}
		if (only) {
			if (dump_esp_client(msg, cb, sn, found, only))
				break;
		} else {
			for (id = cb->args[1]; id < SLUICE_SPI_IDS; id++) {
				id = next_id(sn, found, id);
				if (id >= SLUICE_SPI_IDS || dump_esp_client(msg, cb, sn, found, id))
					break;
			}
			cb->args[1] = id;
			if (id < SLUICE_SPI_IDS)
				break;
		}
		cb->args[0] = (long)found->number + 1;
		cb->args[1] = 0;
	}
	mutex_unlock(&sn->config_lock);
	return msg->len;
}
