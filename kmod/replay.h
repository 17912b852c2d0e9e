/* SPDX-License-Identifier: GPL-2.0-only */
/* The anti-replay window of RFC 4303, section 3.4.3, without extended sequence numbers. */
#ifndef _SLUICE_REPLAY_H
#define _SLUICE_REPLAY_H

#include <linux/types.h>

#define SLUICE_REPLAY_WINDOW	128U

/**
 * struct sluice_replay - what has been received under one key
 * @window: bit n: top - n has been received
 * @top: highest sequence number received; 0: none
 */
struct sluice_replay {
	u64 window[2];
	u32 top;
};

enum sluice_replay_result {
	SLUICE_REPLAY_NEW,
	SLUICE_REPLAY_OLD,	/* left of the window */
	SLUICE_REPLAY_SEEN,
};

/* May @sequence (not 0) be accepted? */
static inline enum sluice_replay_result sluice_replay_check(const struct sluice_replay *replay, u32 sequence)
{
	u32 behind = replay->top - sequence;

	if (sequence > replay->top)
		return SLUICE_REPLAY_NEW;
	if (behind >= SLUICE_REPLAY_WINDOW)
		return SLUICE_REPLAY_OLD;
	return replay->window[behind / 64] >> (behind % 64) & 1 ? SLUICE_REPLAY_SEEN : SLUICE_REPLAY_NEW;
}

/* Marks @sequence, which was checked and authenticated, as received. */
static inline void sluice_replay_advance(struct sluice_replay *replay, u32 sequence)
{
	u32 ahead = sequence - replay->top, behind = replay->top - sequence;

	if (sequence <= replay->top) {
		replay->window[behind / 64] |= 1ULL << (behind % 64);
		return;
	}
	if (ahead < 64) {
		replay->window[1] = replay->window[1] << ahead | replay->window[0] >> (64 - ahead);
		replay->window[0] <<= ahead;
	} else {
		replay->window[1] = ahead < SLUICE_REPLAY_WINDOW ? replay->window[0] << (ahead - 64) : 0;
		replay->window[0] = 0;
	}
	replay->window[0] |= 1;
	replay->top = sequence;
}

#endif /* _SLUICE_REPLAY_H */
