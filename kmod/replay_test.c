// SPDX-License-Identifier: GPL-2.0-only
/* KUnit suite of replay.h: the window against a plain memory of all that came. */

#include <linux/random.h>

#include "replay.h"
#include "suite.h"

#define SEQUENCES	2048

/* How far the next sequence number may lie from the newest, to either side. */
struct replay_row {
	const char *desc;
	u32 reach;
	u32 start;
};

static const struct replay_row replay_rows[] = {
	{ "in order, nearly", 3, 1 },
	{ "within half a window", 64, 1 },
	{ "within a window", 128, 1 },
	{ "beyond the window", 400, 1 },
	{ "far ahead", 100000, 1 },
	{ "at the end of the numbers", 200, U32_MAX - 100000 },
};

SLUICE_TEST_ROWS(replay_row);

static bool seen(const u32 *all, unsigned int count, u32 sequence)
{
	while (count--)
		if (all[count] == sequence)
			return true;
	return false;
}

static void replay_model(struct kunit *test)
{
	const struct replay_row *row = test->param_value;
	u32 *accepted = kunit_kzalloc(test, SEQUENCES * sizeof(*accepted), GFP_KERNEL), top = 0, sequence;
	struct sluice_replay replay = {};
	enum sluice_replay_result want;
	unsigned int count = 0, i;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, accepted);
	for (i = 0; i < SEQUENCES; i++) {
		u64 next = (u64)max(top, row->start) + get_random_u32_below(2 * row->reach + 1);

		sequence = next > row->reach ? min_t(u64, next - row->reach, U32_MAX) : 1;
		if (!sequence)
			continue;
		if (sequence > top)
			want = SLUICE_REPLAY_NEW;
		else if (top - sequence >= SLUICE_REPLAY_WINDOW)
			want = SLUICE_REPLAY_OLD;
		else
			want = seen(accepted, count, sequence) ? SLUICE_REPLAY_SEEN : SLUICE_REPLAY_NEW;
		KUNIT_ASSERT_EQ(test, want, sluice_replay_check(&replay, sequence));
		if (want != SLUICE_REPLAY_NEW)
			continue;
		sluice_replay_advance(&replay, sequence);
		accepted[count++] = sequence;
		top = max(top, sequence);
		KUNIT_ASSERT_EQ(test, top, replay.top);
	}
}

static struct kunit_case replay_cases[] = {
	KUNIT_CASE_PARAM(replay_model, replay_row_gen_params),
	{}
};

static struct kunit_suite replay_suite = { .name = "sluice_replay", .test_cases = replay_cases };

kunit_test_suite(replay_suite);
