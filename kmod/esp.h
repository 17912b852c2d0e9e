/* SPDX-License-Identifier: GPL-2.0-only */
/* ESP of one network namespace: its generations, pools, sockets and limits (Documentation/esp.rst). */
#ifndef _SLUICE_ESP_H
#define _SLUICE_ESP_H

#include <linux/in6.h>
#include <linux/skbuff.h>
#include <linux/workqueue.h>

#include "anomaly.h"
#include "generation.h"
#include "pool.h"
#include "spi.h"

struct net_device;
struct netlink_ext_ack;
struct sluice_limiter;
struct sluice_network;
struct socket;

#define SLUICE_NONCE_LENGTH		32
#define SLUICE_KEY_CHECKS		4
#define SLUICE_KEY_CHECK_LENGTH		16
#define SLUICE_UNKNOWN_RATE_DEFAULT	5000
#define SLUICE_UNKNOWN_RATE_ID		32	/* of that, for the ids that share one of its places */

/* What a step of receiving or sending says: the enum sluice_namespace_counter of where the packet ends, or that it goes on. */
#define SLUICE_ESP_GO_ON		(-1)

/**
 * struct sluice_esp - part of struct sluice_net; guarded by its config_lock, read under RCU
 * @slot: generations by number modulo SLUICE_SPI_SLOTS
 * @current_: the one to send under
 * @previous: the one to send under to who has not been heard under @current_
 * @pools: which ids are whose; NULL: none
 * @banned: bitmap of ids; NULL: none ever was; once there it stays
 * @newest: greatest number so far
 * @check: values that tell the newest master keys apart, and nothing about them
 * @checks: how many have been put there
 * @expiry: ends generations
 * @nonce: boot nonce
 * @iv_prefix: first half of each initialization vector sent
 * @unknown_rate: decryptions a second on each CPU for unknown sources; read anywhere
 * @limiter: what has been spent of it, by CPU; NULL like @anomalies: there has been no generation; read anywhere
 * @udp_port: host byte order; 0: none; read anywhere
 * @udp: its sockets, IPv4 and IPv6
 * @source: outer source addresses, by SLUICE_POOL_*; unspecified: the route's; read anywhere, written under @source_lock
 * @source_lock: seqlock of @source
 * @anomalies: what is to be told
 */
struct sluice_esp {
	struct sluice_generation __rcu *slot[SLUICE_SPI_SLOTS];
	struct sluice_generation __rcu *current_;
	struct sluice_generation __rcu *previous;
	struct sluice_pools __rcu *pools;
	unsigned long __rcu *banned;
	u32 newest;
	u8 check[SLUICE_KEY_CHECKS][SLUICE_KEY_CHECK_LENGTH];
	unsigned int checks;
	struct delayed_work expiry;
	u8 nonce[SLUICE_NONCE_LENGTH];
	u32 iv_prefix;
	u32 unknown_rate;
	struct sluice_limiter *limiter;
	u16 udp_port;
	struct socket *udp[2];
	struct in6_addr source[2];
	seqlock_t source_lock;
	struct sluice_anomalies *anomalies;
};

/* A namespace comes, and goes when its devices and with them its pools are gone. */
void sluice_esp_init(struct sluice_net *sn);
void sluice_esp_exit(struct sluice_net *sn);

/* config_lock held, process context: what a namespace needs only once it has a generation.  -ENOMEM. */
int sluice_esp_begin(struct sluice_net *sn);

/* The module comes and goes: IP protocol 50, and who tells when time stood still.  The second waits for every receiver. */
int sluice_esp_register(void);

/* Under a config_lock.  Is an image of this machine being made or taken up?  Then no generation may come. */
bool sluice_esp_frozen(void);

void sluice_esp_unregister(void);

static inline bool sluice_esp_banned(const struct sluice_esp *esp, u32 id)
{
	const unsigned long *banned = rcu_dereference(esp->banned);

	return unlikely(banned) && test_bit(id, banned);
}

/* config_lock held.  -ENOMEM. */
int sluice_esp_ban(struct sluice_net *sn, u32 id, bool banned);
/* config_lock held.  -ENOMEM; @number 0: every live generation; -ENOENT: no such generation. */
int sluice_esp_revoke(struct sluice_net *sn, u32 id, u32 number, u16 incarnation_min);

/* config_lock held.  0 closes.  What binding says, with extack; then nothing has changed. */
int sluice_esp_udp_open(struct sluice_net *sn, u16 port, struct netlink_ext_ack *extack);

/* A packet that came has its end: it is counted and traced.  @spi, @sequence: 0 where they are not known. */
void sluice_esp_ended(struct sluice_net *sn, u32 spi, u32 sequence, const struct sluice_endpoint *from, int counter);

/**
 * sluice_esp_receive() - an ESP packet
 * @sn: the network namespace
 * @skb: data at the ESP header, network header at the outer IP header
 * @from: where it came from
 *
 * Context: RCU read lock held, BH off.
 * Return: 0, @skb is consumed; -EINVAL: native, and not ours: untouched.
 */
int sluice_esp_receive(struct sluice_net *sn, struct sk_buff *skb, const struct sluice_endpoint *from);

/* A packet routed to a network's device: encrypts and sends it, or answers; consumes it.  RCU read lock held, BH off. */
void sluice_esp_send(struct sluice_network *network, struct sk_buff *skb);

#endif /* _SLUICE_ESP_H */
