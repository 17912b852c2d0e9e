/* SPDX-License-Identifier: GPL-2.0-only */
/* What the KUnit suites share: addresses from text, packets, and a network namespace that no packet reaches. */
#ifndef _SLUICE_SUITE_H
#define _SLUICE_SUITE_H

#include <kunit/test.h>

#include "client.h"
#include "net.h"
#include "network.h"
#include "packet.h"

/* Parameters from an array "NAMEs" of struct NAME, each with a member @desc. */
#define SLUICE_TEST_ROWS(name)							\
	static void name##_describe(const struct name *row, char *desc)		\
	{									\
		strscpy(desc, row->desc, KUNIT_PARAM_DESC_SIZE);		\
	}									\
	KUNIT_ARRAY_PARAM(name, name##s, name##_describe)

/* A case that differs in nothing but the family; the row is a struct sluice_test_family. */
struct sluice_test_family {
	const char *desc;
	u8 family;
};

const void *sluice_test_family_gen_params(const void *previous, char *desc);

/* "192.0.2.1" and "192.0.2.0/24" become IPv4-mapped; without a length it is a single address. */
struct sluice_prefix sluice_test_prefix(struct kunit *test, const char *text);
struct in6_addr sluice_test_address(struct kunit *test, const char *text);

/* Address number @n of a family: in 10.0.0.0/8, or one /64 each in 2001:db8::/32. */
struct in6_addr sluice_test_host(u8 family, u16 n);

/**
 * struct sluice_test_segment - a TCP segment to be made
 * @source: IPv4-mapped or IPv6; the family follows from it
 * @destination: likewise
 * @source_port: host byte order
 * @destination_port: likewise
 * @sequence: sequence number
 * @acknowledgment: acknowledgment number
 * @flags: the flags byte
 * @tos: TOS or traffic class
 * @options: bytes of TCP options, a multiple of 4
 * @payload: bytes of data
 */
struct sluice_test_segment {
	struct in6_addr source;
	struct in6_addr destination;
	u16 source_port;
	u16 destination_port;
	u32 sequence;
	u32 acknowledgment;
	u8 flags;
	u8 tos;
	u8 options;
	u16 payload;
};

/* Linear, data at the IP header, TTL 61, without checksums; the caller's to free. */
struct sk_buff *sluice_test_skb(struct kunit *test, const struct sluice_test_segment *segment);
/* An IP header of @family, from host 1 to host 2, before @length zero bytes of @protocol. */
struct sk_buff *sluice_test_ip(struct kunit *test, u8 family, u8 protocol, unsigned int length);
/* The same bytes, all but the first @linear of them in a page. */
struct sk_buff *sluice_test_paged(struct kunit *test, const struct sk_buff *skb, unsigned int linear);

/* How many sources, and clients, have something parked. */
unsigned int sluice_test_sources(const struct sluice_park *park);
unsigned int sluice_test_source_clients(const struct sluice_park *park);

#define SLUICE_TEST_NETWORKS	2
#define SLUICE_TEST_CLIENTS	3

/**
 * struct sluice_test_namespace - a namespace's tables and its networks, with no hook and no registered device
 * @sn: the state; its net is init_net
 * @network: the networks, in sn->networks
 * @client: clients that are in no table: 1 and 2 of network 0, 3 of network 1; access devices 101 to 103
 */
struct sluice_test_namespace {
	struct sluice_net *sn;
	struct sluice_network *network[SLUICE_TEST_NETWORKS];
	struct sluice_client *client[SLUICE_TEST_CLIENTS];
};

/* A suite's init and exit; the namespace is test->priv.  Clients must be gone, the park may be full. */
int sluice_test_namespace_init(struct kunit *test);
void sluice_test_namespace_exit(struct kunit *test);

#endif /* _SLUICE_SUITE_H */
