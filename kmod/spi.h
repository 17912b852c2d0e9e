/* SPDX-License-Identifier: GPL-2.0-only */
/* The layout of an SPI: G(2) | D(1) | ID(20) | INC(9), most significant first (Documentation/esp.rst). */
#ifndef _SLUICE_SPI_H
#define _SLUICE_SPI_H

#include <linux/bits.h>
#include <linux/types.h>

#define SLUICE_SPI_SLOTS	3U		/* generation modulo 3; the fourth value is never ours */
#define SLUICE_SPI_IDS		BIT(20)
#define SLUICE_SPI_INCARNATIONS	BIT(9)

static inline u32 sluice_spi_slot(u32 spi)
{
	return spi >> 30;
}

/* To the client: D = 1. */
static inline bool sluice_spi_outgoing(u32 spi)
{
	return spi & BIT(29);
}

static inline u32 sluice_spi_id(u32 spi)
{
	return spi >> 9 & (SLUICE_SPI_IDS - 1);
}

static inline u16 sluice_spi_incarnation(u32 spi)
{
	return spi & (SLUICE_SPI_INCARNATIONS - 1);
}

/* Host byte order; @generation is its number. */
static inline u32 sluice_spi(u32 generation, bool outgoing, u32 id, u16 incarnation)
{
	return generation % SLUICE_SPI_SLOTS << 30 | (u32)outgoing << 29 | id << 9 | incarnation;
}

#endif /* _SLUICE_SPI_H */
