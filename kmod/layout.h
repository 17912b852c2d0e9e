/* SPDX-License-Identifier: GPL-2.0-only */
/* Where things are in an ESP packet of ours: header, initialization vector, text, ICV; lengths in bytes. */
#ifndef _SLUICE_LAYOUT_H
#define _SLUICE_LAYOUT_H

#define SLUICE_ESP_HEADER	8	/* SPI and sequence number (RFC 4303, 2) */
#define SLUICE_ESP_IV		8	/* RFC 4106, 3.1 */
#define SLUICE_ESP_ICV		16	/* RFC 4106, 6 */
#define SLUICE_ESP_OVERHEAD	(SLUICE_ESP_HEADER + SLUICE_ESP_IV)
#define SLUICE_ESP_LENGTH_MIN	(SLUICE_ESP_OVERHEAD + 4 + SLUICE_ESP_ICV)	/* padding, its length, next header */

#endif /* _SLUICE_LAYOUT_H */
