/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Anomalies: what authenticated packets tell of an ESP client, and the few of them that wait to be told to the controller.
 * The packet path puts them down here under a lock of its own; a work item tells them.
 */
#ifndef _SLUICE_ANOMALY_H
#define _SLUICE_ANOMALY_H

#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "record.h"

struct sluice_net;

#define SLUICE_ANOMALIES_WAITING	64
#define SLUICE_MOVERS			256

/**
 * struct sluice_anomaly_report - one to be told
 * @id: the client
 * @generation: number of the generation
 * @incarnation: of the packet
 * @kind: enum sluice_anomaly
 * @now: where the packet came from
 * @before: where the one before came from
 */
struct sluice_anomaly_report {
	u32 id;
	u32 generation;
	u16 incarnation;
	u8 kind;
	struct sluice_endpoint now;
	struct sluice_endpoint before;
};

/**
 * struct sluice_mover - a client that had an anomaly not long ago
 * @id: the client; 0: nobody
 * @generation: number of the generation
 * @incarnation: of the key; another one is another story, for the one before may have been revoked for its own
 * @since: jiffies of the first that counts
 * @told: how many have been told since
 * @back: how often it has come back to where it was before
 * @before: where it was
 */
struct sluice_mover {
	u32 id;
	u32 generation;
	u16 incarnation;
	unsigned long since;
	u8 told;
	u8 back;
	struct sluice_endpoint before;
};

/**
 * struct sluice_anomalies - a network namespace's
 * @sn: the network namespace
 * @lock: guards all of it; BH; taken under a record's lock or none
 * @first: index of the oldest that waits
 * @count: how many wait
 * @waiting: a ring
 * @mover: by hash of id; the newest pushes an older one out
 * @work: tells
 */
struct sluice_anomalies {
	struct sluice_net *sn;
	spinlock_t lock;
	unsigned int first;
	unsigned int count;
	struct sluice_anomaly_report waiting[SLUICE_ANOMALIES_WAITING];
	struct sluice_mover mover[SLUICE_MOVERS];
	struct work_struct work;
};

/* Process context.  NULL: no memory. */
struct sluice_anomalies *sluice_anomalies_create(struct sluice_net *sn);
/* No packet comes any more.  @anomalies may be NULL. */
void sluice_anomalies_destroy(struct sluice_anomalies *anomalies);

/* BH off.  Counts it, and has it told. */
void sluice_anomaly_tell(struct sluice_anomalies *anomalies, const struct sluice_anomaly_report *anomaly);

/* BH off.  The client has moved: tells of it, and of the alternation that it may be part of (esp.rst, A1 and A2). */
void sluice_anomaly_moved(struct sluice_anomalies *anomalies, struct sluice_anomaly_report *anomaly);

#endif /* _SLUICE_ANOMALY_H */
