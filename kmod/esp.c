// SPDX-License-Identifier: GPL-2.0-only
/* ESP of a network namespace: its beginning and end, bans and revocations, and how packets reach it. */

#include <linux/icmpv6.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/suspend.h>
#include <linux/vmalloc.h>
#include <net/udp.h>
#include <net/ip6_route.h>
#include <net/ndisc.h>
#include <net/xfrm.h>

#include "esp.h"
#include "limiter.h"
#include "net.h"
#include "udp.h"

/* Before the host's own IPsec, which has priority 0: what is not ours goes on to it. */
#define SLUICE_ESP_PRIORITY	200

static void new_nonce(struct sluice_esp *esp)
{
	get_random_bytes(esp->nonce, sizeof(esp->nonce));
	esp->iv_prefix = get_random_u32();
}

void sluice_esp_init(struct sluice_net *sn)
{
	struct sluice_esp *esp = &sn->esp;

	esp->unknown_rate = SLUICE_UNKNOWN_RATE_DEFAULT;
	seqlock_init(&esp->source_lock);
	sluice_generations_init(sn);
	new_nonce(esp);
}

int sluice_esp_begin(struct sluice_net *sn)
{
	struct sluice_esp *esp = &sn->esp;

	lockdep_assert_held(&sn->config_lock);

	if (!esp->limiter)
		/* Packets find it by itself, without a generation that was published after it. */
		smp_store_release(&esp->limiter, sluice_limiter_create());
	if (!esp->anomalies)
		esp->anomalies = sluice_anomalies_create(sn);
	return esp->limiter && esp->anomalies ? 0 : -ENOMEM;
}

void sluice_esp_exit(struct sluice_net *sn)
{
	struct sluice_esp *esp = &sn->esp;

	cancel_delayed_work_sync(&esp->expiry);
	mutex_lock(&sn->config_lock);
	sluice_esp_udp_open(sn, 0, NULL);
	sluice_generation_remove_all(sn);
	mutex_unlock(&sn->config_lock);
	/* With the last generation the last packet is gone that could have an anomaly. */
	sluice_anomalies_destroy(esp->anomalies);
	WARN_ON_ONCE(rcu_access_pointer(esp->pools));
	kvfree(rcu_dereference_protected(esp->banned, true));
	sluice_limiter_destroy(esp->limiter);
}

int sluice_esp_ban(struct sluice_net *sn, u32 id, bool banned)
{
	unsigned long *map = rcu_dereference_protected(sn->esp.banned, lockdep_is_held(&sn->config_lock));

	lockdep_assert_held(&sn->config_lock);

	if (!map) {
		if (!banned)
			return 0;
		map = kvcalloc(BITS_TO_LONGS(SLUICE_SPI_IDS), sizeof(long), GFP_KERNEL_ACCOUNT);
		if (!map)
			return -ENOMEM;
		rcu_assign_pointer(sn->esp.banned, map);
	}
	if (banned)
		set_bit(id, map);
	else
		clear_bit(id, map);
	return 0;
}

static int revoke(struct sluice_generation *generation, u32 id, u16 incarnation_min)
{
	struct sluice_record *record = sluice_record_make(&generation->records, id, GFP_KERNEL_ACCOUNT);
	spinlock_t *lock = sluice_record_lock(&generation->records, id);

	if (!record)
		return -ENOMEM;
	spin_lock_bh(lock);
	/* It cannot be undone: a key that was burnt stays burnt. */
	if (incarnation_min > record->incarnation_min)
		record->incarnation_min = incarnation_min;
	spin_unlock_bh(lock);
	return 0;
}

int sluice_esp_revoke(struct sluice_net *sn, u32 id, u32 number, u16 incarnation_min)
{
	int err = number ? -ENOENT : 0;
	unsigned int i;

	lockdep_assert_held(&sn->config_lock);

	for (i = 0; i < SLUICE_SPI_SLOTS; i++) {
		struct sluice_generation *generation = rcu_dereference_protected(sn->esp.slot[i],
										 lockdep_is_held(&sn->config_lock));

		if (!generation || (number && generation->number != number))
			continue;
		err = revoke(generation, id, incarnation_min);
		if (err)
			return err;
	}
	return err;
}

/* ---- where packets come from ---- */

static void endpoint(const struct sk_buff *skb, __be16 port, struct sluice_endpoint *from)
{
	if (ip_hdr(skb)->version == 4)
		ipv6_addr_set_v4mapped(ip_hdr(skb)->saddr, &from->address);
	else
		from->address = ipv6_hdr(skb)->saddr;
	from->port = port;
}

/* Both families; see struct xfrm4_protocol for what the numbers say. */
static int receive_native(struct sk_buff *skb)
{
	struct sluice_endpoint from;

	endpoint(skb, 0, &from);
	return sluice_esp_receive(sluice_net(dev_net(skb->dev)), skb, &from);
}

static int receive_not_ours(struct sk_buff *skb, int next_header, __be32 spi, int encap_type)
{
	return -EINVAL;
}

static int callback_not_ours(struct sk_buff *skb, int err)
{
	return 1;
}

static int error_ipv4(struct sk_buff *skb, u32 info)
{
	return -ENOENT;
}

/* Is it about a packet that we sent?  Then IPsec of the host knows nothing of it. */
static bool is_ours(struct sluice_net *sn, u32 spi)
{
	const struct sluice_generation *generation;

	if (sluice_spi_slot(spi) >= SLUICE_SPI_SLOTS || !sluice_spi_outgoing(spi))
		return false;
	generation = rcu_dereference(sn->esp.slot[sluice_spi_slot(spi)]);
	return sluice_generation_live(generation) && sluice_record_find(&generation->records, sluice_spi_id(spi));
}

/*
 * The route learns the path MTU: no router cuts IPv6, so the host must (RFC 8200, 5; over IPv4 the outer packet may be cut
 * on the way).  @skb: data at the header of the packet that it is about, ESP at @offset, which was seen to be there.
 */
static int error_ipv6(struct sk_buff *skb, struct inet6_skb_parm *options, u8 type, u8 code, int offset, __be32 info)
{
	struct net *net = dev_net(skb->dev);

	if ((type != ICMPV6_PKT_TOOBIG && type != NDISC_REDIRECT) ||
	    !is_ours(sluice_net(net), get_unaligned_be32(skb->data + offset)))
		return -ENOENT;
	if (type == NDISC_REDIRECT)
		ip6_redirect(skb, net, skb->dev->ifindex, 0, sock_net_uid(net, NULL));
	else
		ip6_update_pmtu(skb, net, info, 0, 0, sock_net_uid(net, NULL));
	return 0;
}

static struct xfrm4_protocol protocol_ipv4 = {
	.handler = receive_native,
	.input_handler = receive_not_ours,
	.cb_handler = callback_not_ours,
	.err_handler = error_ipv4,
	.priority = SLUICE_ESP_PRIORITY,
};

static struct xfrm6_protocol protocol_ipv6 = {
	.handler = receive_native,
	.input_handler = receive_not_ours,
	.cb_handler = callback_not_ours,
	.err_handler = error_ipv6,
	.priority = SLUICE_ESP_PRIORITY,
};

/* Consumes what came to the UDP port: 0, never anything for the socket's queue. */
static int receive_udp(struct sock *sk, struct sk_buff *skb)
{
	struct sluice_net *sn = sluice_net(sock_net(sk));
	int counter = SLUICE_NS_COUNT_ESP_DROP_FOREIGN;
	struct sluice_endpoint from;
	const u8 *first;

	endpoint(skb, udp_hdr(skb)->source, &from);
	if (!pskb_may_pull(skb, sizeof(struct udphdr) + 1)) {
		counter = SLUICE_NS_COUNT_ESP_DROP_SHORT;
		goto drop;
	}
	first = skb->data + sizeof(struct udphdr);
	if (skb->len == sizeof(struct udphdr) + 1 && *first == 0xff) {
		counter = SLUICE_NS_COUNT_ESP_KEEPALIVE;
		goto drop;
	}
	/* Nobody can be answered at port 0. */
	if (!from.port)
		goto drop;
	__skb_pull(skb, sizeof(struct udphdr));
	skb_reset_transport_header(skb);
	return sluice_esp_receive(sn, skb, &from);

drop:
	sluice_esp_ended(sn, 0, 0, &from, counter);
	kfree_skb(skb);
	return 0;
}

int sluice_esp_udp_open(struct sluice_net *sn, u16 port, struct netlink_ext_ack *extack)
{
	struct sluice_esp *esp = &sn->esp;
	struct socket *udp[2] = {};
	int err;

	lockdep_assert_held(&sn->config_lock);

	if (port == esp->udp_port)
		return 0;
	if (port) {
		err = sluice_udp_bind(sn->net, port, udp);
		if (err) {
			NL_SET_ERR_MSG(extack, "the UDP port cannot be bound: is an IKE daemon there?");
			return err;
		}
	}
	sluice_udp_receive(sn->net, udp, receive_udp);
	sluice_udp_close(esp->udp);
	memcpy(esp->udp, udp, sizeof(esp->udp));
	WRITE_ONCE(esp->udp_port, port);
	return 0;
}

/* ---- when time stands still ---- */

/* An image or a copy of this machine may run again from here, and would send what was sent before (E4). */
static void forget_everything(void)
{
	struct net *net;

	down_read(&net_rwsem);
	for_each_net(net) {
		struct sluice_net *sn = sluice_net(net);

		mutex_lock(&sn->config_lock);
		sluice_generation_remove_all(sn);
		new_nonce(&sn->esp);
		mutex_unlock(&sn->config_lock);
	}
	up_read(&net_rwsem);
}

static bool image_is_made;

bool sluice_esp_frozen(void)
{
	return READ_ONCE(image_is_made);
}

/* From the first notice to the last nothing may be brought in: it would be in the image, and be used before and after. */
static int power_event(struct notifier_block *block, unsigned long event, void *data)
{
	switch (event) {
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		WRITE_ONCE(image_is_made, true);
		forget_everything();
		break;
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		forget_everything();
		WRITE_ONCE(image_is_made, false);
		break;
	/* Asleep, the clock that ends a generation stands still. */
	case PM_POST_SUSPEND:
		forget_everything();
		break;
	default:
		break;
	}
	return NOTIFY_DONE;
}

static int fork_event(struct notifier_block *block, unsigned long event, void *data)
{
	forget_everything();
	return NOTIFY_DONE;
}

static struct notifier_block power_notifier = { .notifier_call = power_event };
static struct notifier_block fork_notifier = { .notifier_call = fork_event };

int sluice_esp_register(void)
{
	int err = xfrm4_protocol_register(&protocol_ipv4, IPPROTO_ESP);

	if (err)
		return err;
	err = xfrm6_protocol_register(&protocol_ipv6, IPPROTO_ESP);
	if (err)
		goto err_ipv4;
	err = register_pm_notifier(&power_notifier);
	if (err)
		goto err_ipv6;
	err = register_random_vmfork_notifier(&fork_notifier);
	if (err)
		goto err_power;
	return 0;

err_power:
	unregister_pm_notifier(&power_notifier);
err_ipv6:
	xfrm6_protocol_deregister(&protocol_ipv6, IPPROTO_ESP);
err_ipv4:
	xfrm4_protocol_deregister(&protocol_ipv4, IPPROTO_ESP);
	return err;
}

/* Deregistering waits for who is in there (synchronize_net()). */
void sluice_esp_unregister(void)
{
	unregister_random_vmfork_notifier(&fork_notifier);
	unregister_pm_notifier(&power_notifier);
	xfrm6_protocol_deregister(&protocol_ipv6, IPPROTO_ESP);
	xfrm4_protocol_deregister(&protocol_ipv4, IPPROTO_ESP);
}
