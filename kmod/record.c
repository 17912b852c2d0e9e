// SPDX-License-Identifier: GPL-2.0-only
/* Records of ESP clients: a table of pages, and pages of records. */

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>
#include <net/ipv6.h>

#include "kunit.h"
#include "record.h"

int sluice_records_init(struct sluice_records *records)
{
	unsigned int i;

	BUILD_BUG_ON(sizeof(struct sluice_record) != 64);
	BUILD_BUG_ON(sizeof(struct sluice_record) * SLUICE_RECORDS_A_PAGE > PAGE_SIZE);

	records->page = kvcalloc(SLUICE_RECORD_PAGES, sizeof(*records->page), GFP_KERNEL_ACCOUNT);
	if (!records->page)
		return -ENOMEM;
	atomic_set(&records->pages, 0);
	atomic_set(&records->heard, 0);
	for (i = 0; i < SLUICE_RECORD_LOCKS; i++)
		spin_lock_init(&records->lock[i]);
	return 0;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_records_init);

void sluice_records_destroy(struct sluice_records *records)
{
	unsigned int i;

	for (i = 0; i < SLUICE_RECORD_PAGES; i++) {
		free_page((unsigned long)records->page[i]);
		if (!(i % 1024))
			cond_resched();
	}
	kvfree(records->page);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_records_destroy);

struct sluice_record *sluice_record_make(struct sluice_records *records, u32 id, gfp_t gfp)
{
	struct sluice_record **slot = &records->page[id / SLUICE_RECORDS_A_PAGE];
	struct sluice_record *page = READ_ONCE(*slot);

	if (!page) {
		page = (struct sluice_record *)get_zeroed_page(gfp | __GFP_NOWARN);
		if (!page)
			return NULL;
		if (cmpxchg(slot, NULL, page)) {
			/* Another CPU was faster. */
			free_page((unsigned long)page);
			page = READ_ONCE(*slot);
		} else {
			atomic_inc(&records->pages);
		}
	}
	return &page[id % SLUICE_RECORDS_A_PAGE];
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_record_make);

unsigned long sluice_records_memory(const struct sluice_records *records)
{
	return SLUICE_RECORD_PAGES * sizeof(*records->page) + (unsigned long)atomic_read(&records->pages) * PAGE_SIZE;
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_records_memory);
