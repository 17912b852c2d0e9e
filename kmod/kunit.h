/* SPDX-License-Identifier: GPL-2.0-only */
/* What the KUnit suites may reach, and nobody else: 6.1 has no EXPORT_SYMBOL_IF_KUNIT(). */
#ifndef _SLUICE_KUNIT_H
#define _SLUICE_KUNIT_H

#include <linux/export.h>

#ifdef SLUICE_KUNIT
#define EXPORT_SYMBOL_FOR_SLUICE_KUNIT(symbol) EXPORT_SYMBOL_GPL(symbol)
#else
#define EXPORT_SYMBOL_FOR_SLUICE_KUNIT(symbol)
#endif

#endif /* _SLUICE_KUNIT_H */
