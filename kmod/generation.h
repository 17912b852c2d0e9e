/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Generations of session keys: NEXT -> CURRENT -> PREVIOUS -> dead (Documentation/esp.rst has the table).  At most two live.
 * Found under RCU, changed under config_lock; the end of one: out of sight, synchronize_net(), keys and records wiped.
 */
#ifndef _SLUICE_GENERATION_H
#define _SLUICE_GENERATION_H

#include <linux/jiffies.h>
#include <linux/netlink.h>

#include "netlink-gen.h"
#include "derive.h"
#include "record.h"

struct sluice_anomalies;
struct sluice_ciphers;
struct sluice_limiter;
struct sluice_net;

/**
 * struct sluice_generation - the keys of one master key
 * @unique: told apart by it from every other one of every network namespace; never 0
 * @number: chosen by the key server
 * @algorithm: enum sluice_algorithm
 * @state: enum sluice_generation_state; written under config_lock, read anywhere
 * @end: jiffies when nothing of it is valid any more; likewise
 * @ciphers: those of the machine; like the next two here, so that who finds the generation finds them filled
 * @limiter: that of the network namespace
 * @anomalies: likewise
 * @records: its clients
 * @master: the master key
 */
struct sluice_generation {
	u64 unique;
	u32 number;
	u8 algorithm;
	u8 state;
	unsigned long end;
	struct sluice_ciphers __percpu *ciphers;
	struct sluice_limiter *limiter;
	struct sluice_anomalies *anomalies;
	struct sluice_records records;
	struct sluice_master master;
};

/* Fails closed at the moment, whenever its work runs. */
static inline bool sluice_generation_live(const struct sluice_generation *generation)
{
	return generation && time_before(jiffies, READ_ONCE(generation->end));
}

/**
 * struct sluice_generation_request - a generation to be
 * @number: its number
 * @algorithm: enum sluice_algorithm
 * @lifetime: seconds
 * @key: the master key; the caller wipes it
 * @ciphers: from sluice_ciphers_get(), which takes long, and so is not called under a lock
 */
struct sluice_generation_request {
	u32 number;
	u8 algorithm;
	u32 lifetime;
	const u8 *key;
	struct sluice_ciphers __percpu *ciphers;
};

/* A namespace comes. */
void sluice_generations_init(struct sluice_net *sn);

/* config_lock held, process context; see uapi/sluice.yaml for what is refused, extack says why. */
int sluice_generation_create(struct sluice_net *sn, const struct sluice_generation_request *request,
			     struct netlink_ext_ack *extack);
int sluice_generation_promote(struct sluice_net *sn, u32 number, u32 overlap, struct netlink_ext_ack *extack);
int sluice_generation_remove(struct sluice_net *sn, u32 number);
/* All of them: the namespace goes, or time has stood still. */
void sluice_generation_remove_all(struct sluice_net *sn);

#endif /* _SLUICE_GENERATION_H */
