/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the suites of park.c and source.c share: SYNs that come, verdicts, and time that passes.  The namespace is
 * test->priv; where nothing else is said, clients are client 1 of network 0.
 */
#ifndef _SLUICE_PARK_TEST_H
#define _SLUICE_PARK_TEST_H

#include "suite.h"

struct sluice_park *park_of(struct kunit *test);

/* A counter of network 0. */
u64 park_counted(struct kunit *test, enum sluice_network_counter counter);

/* A SYN with sequence number 1000. */
struct sluice_test_segment park_syn(u8 family, u16 host, u16 port);

/* What the hook does with a SYN that the access lists let in; consumes it. */
enum sluice_park_result park_arrive_skb(struct kunit *test, const struct sluice_client *client, u32 prefix_length,
					struct sk_buff *skb);
enum sluice_park_result park_arrive_segment(struct kunit *test, const struct sluice_test_segment *segment);
enum sluice_park_result park_arrive(struct kunit *test, u8 family, u16 host, u16 port);

/* The parked entry of a network whose SYN came last. */
struct sluice_parked *park_newest(struct kunit *test, int network);

/* Makes one of host 1 parked, of @state; returns its id. */
u32 park_in_state(struct kunit *test, u8 family, u16 port, enum sluice_state state);

/* What the controller's work does, without the message; NULL: nobody waits. */
struct sluice_parked *park_announce(struct kunit *test);
void park_expect_announced(struct kunit *test, u8 family, u16 host, u16 port);

/* Verdicts: accept, and any other.  False: it was not parked any more. */
bool park_accept(struct kunit *test, u32 id);
bool park_answer(struct kunit *test, u32 id);

/* A segment @offset behind a SYN: an RST gives up the connection, an ACK asks for its pass. */
bool park_follow(struct kunit *test, const struct sluice_test_segment *syn, u8 flags, u32 offset);

/* The reason that the controller will be told; -1 for nothing. */
int park_withdrawn_reason(struct kunit *test, u32 id);

/* Sets an entry back in time, in milliseconds ago; a controller is there, or was lost so long ago; expiry runs. */
void park_make_older(struct kunit *test, u32 id, unsigned int parked, unsigned int seen);
void park_set_controller(struct kunit *test, bool present, unsigned int lost);
void park_scan_now(struct kunit *test);

/* So many wait for a verdict in network 0, and so many are in the park, passes and other networks' included. */
void park_expect(struct kunit *test, u32 parked, u32 active);

#endif /* _SLUICE_PARK_TEST_H */
