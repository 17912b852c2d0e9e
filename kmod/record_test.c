// SPDX-License-Identifier: GPL-2.0-only
/* KUnit suite of record.h: the sequence numbers that are left under a key. */

#include "record.h"
#include "suite.h"

struct sequence_row {
	const char *desc;
	u32 sent;
	u32 next;
	bool due;
};

static const struct sequence_row sequence_rows[] = {
	{ "the first", 0, 1, false },
	{ "one before a new key is due", SLUICE_SEQUENCE_SOFT - 2, SLUICE_SEQUENCE_SOFT - 1, false },
	{ "a new key is due", SLUICE_SEQUENCE_SOFT - 1, SLUICE_SEQUENCE_SOFT, true },
	{ "that is told once", SLUICE_SEQUENCE_SOFT, SLUICE_SEQUENCE_SOFT + 1, false },
	{ "the last", SLUICE_SEQUENCE_HARD - 1, SLUICE_SEQUENCE_HARD, false },
	{ "none is left", SLUICE_SEQUENCE_HARD, 0, false },
};

SLUICE_TEST_ROWS(sequence_row);

static void record_sequence(struct kunit *test)
{
	const struct sequence_row *row = test->param_value;
	struct sluice_record record = { .sent = row->sent };

	KUNIT_EXPECT_EQ(test, row->next, sluice_record_next(&record));
	KUNIT_EXPECT_EQ(test, row->next ?: row->sent, record.sent);
	KUNIT_EXPECT_EQ(test, row->due, sluice_sequence_is_due(row->sent, row->next));
}

static struct kunit_case record_cases[] = {
	KUNIT_CASE_PARAM(record_sequence, sequence_row_gen_params),
	{}
};

static struct kunit_suite record_suite = { .name = "sluice_record", .test_cases = record_cases };

kunit_test_suite(record_suite);
