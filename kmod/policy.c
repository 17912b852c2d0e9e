// SPDX-License-Identifier: GPL-2.0-only
/*
 * The policy responder, see policy.h.  All of it happens where the question is received, with BH off and the RCU read lock
 * held: no process wakes, and nothing remains.
 *
 * Who asks proves nothing about his address.  So an answer is never longer than its question, nothing is ever answered to
 * many, to a port where a well-known service listens, or with more than so many packets a second.
 */

#include <linux/netdevice.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <net/addrconf.h>
#include <net/ip.h>
#include <net/ip6_route.h>
#include <net/netlink.h>
#include <net/route.h>
#include <net/udp.h>
#include <net/udp_tunnel.h>
#include <net/xfrm.h>

#include "limiter.h"
#include "net.h"
#include "policy.h"
#include "udp.h"

#define QUESTION_MAGIC		0x534c5051	/* "SLPQ" */
#define ANSWER_MAGIC		0x534c5041	/* "SLPA" */
#define VERSION			1
#define FLAG_TRUNCATED		BIT(0)
#define NONCE_LENGTH		16
#define SOURCE_PORT_MIN		1024

/**
 * struct message - how a question and an answer begin
 * @magic: which of them it is
 * @version: VERSION
 * @flags: of a question 0
 * @length: of a question 0; of an answer the blob's
 * @nonce: chosen by who asks
 */
struct message {
	__be32 magic;
	u8 version;
	u8 flags;
	__be16 length;
	u8 nonce[NONCE_LENGTH];
};

/**
 * struct sluice_policy_blob - what is answered
 * @rcu: for kfree_rcu()
 * @length: of @data
 * @data: never looked at
 */
struct sluice_policy_blob {
	struct rcu_head rcu;
	u16 length;
	u8 data[];
};

/* ---- who may be answered ---- */

/*
 * One host that asked us alone, from a port where no well-known service would take the answer for a question.  Our own
 * address is one that nobody has but this host itself.
 */
static bool is_answerable(const struct sk_buff *skb)
{
	struct net *net = dev_net(skb->dev);
	bool from_here = skb->dev->flags & IFF_LOOPBACK;

	if (skb->pkt_type != PACKET_HOST || ntohs(udp_hdr(skb)->source) < SOURCE_PORT_MIN)
		return false;
	if (ip_hdr(skb)->version == 4) {
		unsigned int source = inet_addr_type(net, ip_hdr(skb)->saddr);

		return skb_rtable(skb)->rt_type == RTN_LOCAL &&
		       (source == RTN_UNICAST || (source == RTN_LOCAL && from_here));
	}
	return ipv6_addr_type(&ipv6_hdr(skb)->saddr) & IPV6_ADDR_UNICAST &&
	       !ipv6_addr_is_multicast(&ipv6_hdr(skb)->daddr) &&
	       (from_here || !ipv6_chk_addr(net, &ipv6_hdr(skb)->saddr, NULL, 0));
}

/* The question; NULL if it is none. */
static const struct message *parse(struct sk_buff *skb)
{
	const struct message *question;

	if (!pskb_may_pull(skb, sizeof(struct udphdr) + sizeof(*question)))
		return NULL;
	question = (const struct message *)(skb->data + sizeof(struct udphdr));
	if (get_unaligned_be32(&question->magic) != QUESTION_MAGIC || question->version != VERSION || question->flags ||
	    get_unaligned(&question->length))
		return NULL;
	return question;
}

/* The bits of an address that its holder is likely to have all of: /24, /56. */
static u64 source_prefix(const struct sk_buff *skb)
{
	if (ip_hdr(skb)->version == 4)
		return ntohl(ip_hdr(skb)->saddr) >> 8;
	return get_unaligned_be64(&ipv6_hdr(skb)->saddr) >> 8;
}

static bool may_be_answered(const struct sluice_policy *policy, const struct sk_buff *skb)
{
	u64 hash = siphash_1u64(source_prefix(skb), &policy->secret);

	return sluice_limiter_take(policy->limiter, READ_ONCE(policy->rate), READ_ONCE(policy->source_rate),
				   hash & ((1 << SLUICE_LIMITER_BITS) - 1));
}

/* ---- the answer ---- */

/* @blob NULL: its length alone. */
static struct sk_buff *build(const struct message *question, u16 length, const u8 *blob)
{
	const unsigned int headers = MAX_HEADER + sizeof(struct ipv6hdr) + sizeof(struct udphdr);
	struct sk_buff *skb = alloc_skb(headers + sizeof(struct message) + (blob ? length : 0), GFP_ATOMIC);
	struct message *answer;

	if (!skb)
		return NULL;
	skb_reserve(skb, headers);
	answer = skb_put_zero(skb, sizeof(*answer));
	put_unaligned_be32(ANSWER_MAGIC, &answer->magic);
	answer->version = VERSION;
	answer->flags = blob ? 0 : FLAG_TRUNCATED;
	put_unaligned_be16(length, &answer->length);
	memcpy(answer->nonce, question->nonce, NONCE_LENGTH);
	if (blob)
		skb_put_data(skb, blob, length);
	return skb;
}

/* From the address that was asked.  False: no route, @answer is untouched. */
static bool send_ipv4(struct net *net, const struct sk_buff *skb, struct sk_buff *answer)
{
	const struct iphdr *asked = ip_hdr(skb);
	struct flowi4 flow = {
		.daddr = asked->saddr,
		.saddr = asked->daddr,
		.flowi4_proto = IPPROTO_UDP,
		.fl4_dport = udp_hdr(skb)->source,
		.fl4_sport = udp_hdr(skb)->dest,
	};
	struct rtable *route = ip_route_output_flow(net, &flow, NULL);

	if (IS_ERR(route))
		return false;
	udp_tunnel_xmit_skb(route, NULL, answer, asked->daddr, asked->saddr, 0, ip4_dst_hoplimit(&route->dst), 0,
			    udp_hdr(skb)->dest, udp_hdr(skb)->source, false, false);
	return true;
}

static bool send_ipv6(struct net *net, const struct sk_buff *skb, struct sk_buff *answer)
{
	struct in6_addr from = ipv6_hdr(skb)->daddr, to = ipv6_hdr(skb)->saddr;
	struct flowi6 flow = {
		.daddr = to,
		.saddr = from,
		.flowi6_proto = IPPROTO_UDP,
		.fl6_dport = udp_hdr(skb)->source,
		.fl6_sport = udp_hdr(skb)->dest,
	};
	struct dst_entry *dst;

	if (ipv6_addr_type(&to) & IPV6_ADDR_LINKLOCAL)
		flow.flowi6_oif = inet6_iif(skb);
	dst = ip6_route_output(net, NULL, &flow);
	if (dst->error) {
		dst_release(dst);
		return false;
	}
	/* IPv4's lookup above has done this already. */
	dst = xfrm_lookup(net, dst, flowi6_to_flowi(&flow), NULL, 0);
	if (IS_ERR(dst))
		return false;
	udp_tunnel6_xmit_skb(dst, NULL, answer, NULL, &from, &to, 0, ip6_dst_hoplimit(dst), 0, udp_hdr(skb)->dest,
			     udp_hdr(skb)->source, false);
	return true;
}

/* Answers what came to the port, or does not: what to count. */
static enum sluice_namespace_counter handle(struct sluice_net *sn, struct sk_buff *skb)
{
	/* There before the sockets and until the last receiver has left, as the limiter is. */
	const struct sluice_policy_blob *blob = rcu_dereference(sn->policy.blob);
	const struct message *question = parse(skb);
	struct sk_buff *answer;
	bool fits, sent;

	if (!question || !is_answerable(skb))
		return SLUICE_NS_COUNT_POLICY_DROP_MALFORMED;
	if (!may_be_answered(&sn->policy, skb))
		return SLUICE_NS_COUNT_POLICY_DROP_LIMITED;
	fits = skb->len - sizeof(struct udphdr) >= sizeof(struct message) + blob->length;
	answer = build(question, blob->length, fits ? blob->data : NULL);
	if (!answer)
		return SLUICE_NS_COUNT_POLICY_DROP_MEMORY;
	sent = ip_hdr(skb)->version == 4 ? send_ipv4(sn->net, skb, answer) : send_ipv6(sn->net, skb, answer);
	if (!sent) {
		kfree_skb(answer);
		return SLUICE_NS_COUNT_POLICY_DROP_MEMORY;
	}
	return fits ? SLUICE_NS_COUNT_POLICY_ANSWERED : SLUICE_NS_COUNT_POLICY_SHORT;
}

/* Its checksum was verified.  Consumes it: 0, never anything for the socket's queue. */
static int receive(struct sock *sk, struct sk_buff *skb)
{
	struct sluice_net *sn = sluice_net(sock_net(sk));

	sluice_ns_count(sn, handle(sn, skb));
	consume_skb(skb);
	return 0;
}

/* ---- port and blob ---- */

/* Both families; @udp may be none. */
static void replace_sockets(struct sluice_net *sn, struct socket **udp)
{
	sluice_udp_receive(sn->net, udp, receive);
	sluice_udp_close(sn->policy.udp);
	memcpy(sn->policy.udp, udp, sizeof(sn->policy.udp));
}

static struct sluice_policy_blob *make_blob(const struct nlattr *data)
{
	struct sluice_policy_blob *blob = kmalloc(struct_size(blob, data, nla_len(data)), GFP_KERNEL_ACCOUNT);

	if (!blob)
		return NULL;
	blob->length = nla_len(data);
	memcpy(blob->data, nla_data(data), blob->length);
	return blob;
}

static struct sluice_policy_blob *blob_locked(const struct sluice_net *sn)
{
	return rcu_dereference_protected(sn->policy.blob, lockdep_is_held(&sn->config_lock));
}

static void turn_off(struct sluice_net *sn)
{
	struct sluice_policy_blob *blob = blob_locked(sn);
	struct socket *none[2] = {};

	WRITE_ONCE(sn->policy.port, 0);
	replace_sockets(sn, none);
	synchronize_net();
	RCU_INIT_POINTER(sn->policy.blob, NULL);
	kfree(blob);
	sluice_limiter_destroy(sn->policy.limiter);
	sn->policy.limiter = NULL;
}

static int turn_on(struct sluice_net *sn, u16 port, const struct nlattr *data, struct netlink_ext_ack *extack)
{
	struct sluice_policy_blob *old = blob_locked(sn), *blob = NULL;
	struct sluice_limiter *limiter = sn->policy.limiter;
	struct socket *udp[2] = {};
	int err;

	if (!data && !old) {
		NL_SET_ERR_MSG(extack, "a port and no blob to answer with");
		return -EINVAL;
	}
	if (data) {
		blob = make_blob(data);
		if (!blob)
			return -ENOMEM;
	}
	if (!limiter) {
		limiter = sluice_limiter_create();
		if (!limiter) {
			err = -ENOMEM;
			goto err_blob;
		}
	}
	if (port != sn->policy.port) {
		err = sluice_udp_bind(sn->net, port, udp);
		if (err) {
			NL_SET_ERR_MSG(extack, "the UDP port cannot be bound: another program, or ESP in UDP, has it");
			goto err_limiter;
		}
	}
	sn->policy.limiter = limiter;
	if (blob) {
		rcu_assign_pointer(sn->policy.blob, blob);
		if (old)
			kfree_rcu(old, rcu);
	}
	if (port != sn->policy.port) {
		replace_sockets(sn, udp);
		WRITE_ONCE(sn->policy.port, port);
	}
	return 0;

err_limiter:
	if (limiter != sn->policy.limiter)
		sluice_limiter_destroy(limiter);
err_blob:
	kfree(blob);
	return err;
}

int sluice_policy_set(struct sluice_net *sn, u16 port, const struct nlattr *data, struct netlink_ext_ack *extack)
{
	lockdep_assert_held(&sn->config_lock);

	if (port)
		return turn_on(sn, port, data, extack);
	if (data) {
		NL_SET_ERR_MSG(extack, "a blob and no port to answer from");
		return -EINVAL;
	}
	if (sn->policy.port)
		turn_off(sn);
	return 0;
}

const void *sluice_policy_blob(const struct sluice_net *sn, unsigned int *length)
{
	const struct sluice_policy_blob *blob = blob_locked(sn);

	*length = blob ? blob->length : 0;
	return blob ? blob->data : NULL;
}

bool sluice_policy_is_asked(const struct sluice_net *sn, u16 port)
{
	return port && port == READ_ONCE(sn->policy.port);
}

void sluice_policy_init(struct sluice_net *sn)
{
	struct sluice_policy *policy = &sn->policy;

	policy->rate = SLUICE_POLICY_RATE_DEFAULT;
	policy->source_rate = SLUICE_POLICY_SOURCE_RATE_DEFAULT;
	get_random_bytes(&policy->secret, sizeof(policy->secret));
}

void sluice_policy_exit(struct sluice_net *sn)
{
	mutex_lock(&sn->config_lock);
	sluice_policy_set(sn, 0, NULL, NULL);
	mutex_unlock(&sn->config_lock);
}
