/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a generation keeps of one ESP client: one cache line.  A record is made by an authenticated packet only, or by an
 * operator who revokes: nobody without a key makes the gateway allocate.  It lives as long as its generation.
 */
#ifndef _SLUICE_RECORD_H
#define _SLUICE_RECORD_H

#include <linux/in6.h>
#include <linux/spinlock.h>
#include <net/ipv6.h>

#include "replay.h"
#include "spi.h"

#define SLUICE_RECORDS_A_PAGE	64U
#define SLUICE_RECORD_PAGES	(SLUICE_SPI_IDS / SLUICE_RECORDS_A_PAGE)
#define SLUICE_RECORD_LOCKS	256U

/* Packets whose initialization vector followed from the sequence number before that is a fingerprint. */
#define SLUICE_FINGERPRINT_STABLE	16

/*
 * Sequence numbers (RFC 4303, 3.3.3): 32 bits, and never so near to their end that a burst could pass it; long before, it is
 * told that a new key is due.
 */
#define SLUICE_SEQUENCE_SOFT	0x10000000U
#define SLUICE_SEQUENCE_HARD	0xffff0000U

#define SLUICE_RECORD_HEARD	BIT(0)	/* an authenticated packet has come */
#define SLUICE_RECORD_UDP	BIT(1)	/* the newest of them in UDP */

/**
 * struct sluice_endpoint - where ESP comes from and goes to
 * @address: outer address, IPv4 as IPv4-mapped
 * @port: UDP port, network byte order; 0: native
 */
struct sluice_endpoint {
	struct in6_addr address;
	__be16 port;
};

/**
 * struct sluice_record - an ESP client under one generation; all of it under its lock
 * @address: outer address of the newest packet, IPv4 as IPv4-mapped
 * @replay: of incarnation @incarnation
 * @sent: last sequence number sent under @incarnation
 * @seen: jiffies of the newest packet
 * @fingerprint: hash of (initialization vector xor sequence number)
 * @port: as in struct sluice_endpoint
 * @incarnation: the newest authenticated
 * @incarnation_min: smaller ones are revoked
 * @moves: how often @address or @port has changed; stays at its maximum
 * @failures: packets from @address that did not authenticate; stays at its maximum
 * @flags: SLUICE_RECORD_*
 * @stable: packets in a row of @fingerprint
 */
struct sluice_record {
	struct in6_addr address;
	struct sluice_replay replay;
	u32 sent;
	u32 seen;
	u32 fingerprint;
	__be16 port;
	u16 incarnation;
	u16 incarnation_min;
	u16 moves;
	u16 failures;
	u8 flags;
	u8 stable;
} __aligned(64);

/**
 * struct sluice_records - a generation's records
 * @page: SLUICE_RECORD_PAGES pointers to pages; a page, once there, stays
 * @pages: how many are there
 * @heard: records with SLUICE_RECORD_HEARD
 * @lock: guards the record of id n: element n modulo SLUICE_RECORD_LOCKS; BH
 */
struct sluice_records {
	struct sluice_record **page;
	atomic_t pages;
	atomic_t heard;
	spinlock_t lock[SLUICE_RECORD_LOCKS];
};

/* Process context.  -ENOMEM. */
int sluice_records_init(struct sluice_records *records);
/* Nobody reads them any more. */
void sluice_records_destroy(struct sluice_records *records);

/* Any context.  NULL: none of this page has been made. */
static inline struct sluice_record *sluice_record_find(const struct sluice_records *records, u32 id)
{
	struct sluice_record *page = READ_ONCE(records->page[id / SLUICE_RECORDS_A_PAGE]);

	return page ? &page[id % SLUICE_RECORDS_A_PAGE] : NULL;
}

/* Any context.  NULL: no memory. */
struct sluice_record *sluice_record_make(struct sluice_records *records, u32 id, gfp_t gfp);

static inline spinlock_t *sluice_record_lock(struct sluice_records *records, u32 id)
{
	return &records->lock[id % SLUICE_RECORD_LOCKS];
}

/* Its lock held: was it last heard there? */
static inline bool sluice_record_is_at(const struct sluice_record *record, const struct sluice_endpoint *from)
{
	return record->flags & SLUICE_RECORD_HEARD && record->port == from->port &&
	       ipv6_addr_equal(&record->address, &from->address);
}

/* Its lock held.  The next sequence number to send; 0: there is none left under this key. */
static inline u32 sluice_record_next(struct sluice_record *record)
{
	return record->sent < SLUICE_SEQUENCE_HARD ? ++record->sent : 0;
}

/* Is it with this step that a new key is due? */
static inline bool sluice_sequence_is_due(u32 before, u32 now)
{
	return before < SLUICE_SEQUENCE_SOFT && now >= SLUICE_SEQUENCE_SOFT;
}

/* Bytes. */
unsigned long sluice_records_memory(const struct sluice_records *records);

#endif /* _SLUICE_RECORD_H */
