// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin of QEMU's emulator (TCG) that models the caches of one processor, which the emulator has not: L1 of data, L1 of
 * instructions and one L2 of both, lines of 64 bytes, physically addressed, least recently used goes, a store as a load.
 * Not modelled: prefetching, the walks of page tables, what others put into the L2, and writing back.
 *
 *	-plugin cache.so,out=FILE[,l1d=BYTES:WAYS][,l1i=BYTES:WAYS][,l2=BYTES:WAYS]
 *
 * It counts between the guest's marks only, and says what at each report: a line of JSON.  A mark is an instruction that
 * does nothing, nopl 0x5c1ce00N(%rax), N = 1: count from here; 2: no longer; 3: report, and begin with zero again; 4: soon
 * there is something to count; 5: for long there is not.  What the caches hold stays from window to window.  Before 4 and
 * after 5 code is translated without calls to here, which is some times faster.
 *
 * QEMU's plugin API, version 1: https://www.qemu.org/docs/master/devel/tcg-plugins.html.  Debian packages no header, hence
 * the declarations here.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is used of the API. */
#define EXPORT	__attribute__((visibility("default")))
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;
struct qemu_info;	/* opaque to us */
enum { NO_REGISTERS = 0 };	/* qemu_plugin_cb_flags: the callback reads and writes none */
enum { LOADS_AND_STORES = 3 };	/* qemu_plugin_mem_rw */
typedef void (*executed)(unsigned int cpu, void *data);
typedef void (*accessed)(unsigned int cpu, uint32_t info, uint64_t address, void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*translated)(uint64_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_reset(uint64_t id, void (*done)(uint64_t id));
void qemu_plugin_register_flush_cb(uint64_t id, void (*flushed)(uint64_t id));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, executed, int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, executed, int flags, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, accessed, int flags, int which, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);
unsigned int qemu_plugin_mem_size_shift(uint32_t info);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(uint32_t info, uint64_t address);
bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *where);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *where);

EXPORT int qemu_plugin_version = 1;

enum { LINE_SHIFT = 6, MARK_ON = 1, MARK_OFF, MARK_REPORT, MARK_READY, MARK_IDLE };
static const uint8_t MARK[] = {0x0f, 0x1f, 0x80};	/* nopl disp32(%rax) */
#define MARK_NUMBER	0x5c1ce000U

/* The lines of a set from the one that was used last to the one that goes next; 0: none. */
struct cache {
	uint64_t sets, ways;
	uint64_t *line;
};

static struct cache l1d, l1i, l2;
static struct {
	uint64_t instructions, data, fetches, l1d, l1i, l2_data, l2_fetches;
} counted;
static bool ready, counting;
static uint64_t plugin;
static unsigned int reports;
static FILE *out;

/* What a translated block fetches. */
struct block {
	struct block *next;
	unsigned int instructions, lines;
	uint64_t line[];
};
static struct block *blocks;

/* Is it there?  It is now. */
static bool hit(struct cache *c, uint64_t line)
{
	uint64_t *set = c->line + line % c->sets * c->ways, i;

	for (i = 0; i < c->ways - 1 && set[i] != line; i++)
		;
	bool there = set[i] == line;

	memmove(set + 1, set, i * sizeof(*set));
	set[0] = line;
	return there;
}

static void access_data(uint64_t line)
{
	counted.data++;
	if (hit(&l1d, line))
		return;
	counted.l1d++;
	counted.l2_data += !hit(&l2, line);
}

/* A load or a store was executed.  (One over the end of a page, which is rare, is taken to go on in the next physical page.) */
static void accessed_memory(unsigned int cpu, uint32_t info, uint64_t address, void *data)
{
	(void)cpu, (void)data;
	if (!counting)
		return;
	struct qemu_plugin_hwaddr *where = qemu_plugin_get_hwaddr(info, address);

	if (!where || qemu_plugin_hwaddr_is_io(where))
		return;
	uint64_t first = qemu_plugin_hwaddr_phys_addr(where), last = first + (1U << qemu_plugin_mem_size_shift(info)) - 1;

	access_data(first >> LINE_SHIFT);
	if (last >> LINE_SHIFT != first >> LINE_SHIFT)
		access_data(last >> LINE_SHIFT);
}

static void executed_block(unsigned int cpu, void *data)
{
	const struct block *b = data;

	(void)cpu;
	if (!counting)
		return;
	counted.instructions += b->instructions;
	counted.fetches += b->lines;
	for (unsigned int i = 0; i < b->lines; i++) {
		if (hit(&l1i, b->line[i]))
			continue;
		counted.l1i++;
		counted.l2_fetches += !hit(&l2, b->line[i]);
	}
}

static void begin(uint64_t id);

static void report(void)
{
	fprintf(out, "{\"report\": %u, \"instructions\": %lu, \"data\": %lu, \"l1d\": %lu, \"fetches\": %lu, \"l1i\": %lu, "
		"\"l2_data\": %lu, \"l2_fetches\": %lu}\n", reports++, counted.instructions, counted.data, counted.l1d, counted.fetches,
		counted.l1i, counted.l2_data, counted.l2_fetches);
	fflush(out);
	memset(&counted, 0, sizeof(counted));
}

static void executed_mark(unsigned int cpu, void *data)
{
	intptr_t mark = (intptr_t)data;

	(void)cpu;
	counting = ready && mark == MARK_ON;
	if (mark == MARK_REPORT)
		report();
	if (mark == MARK_READY || mark == MARK_IDLE) {
		ready = mark == MARK_READY;
		/* forgets what was translated, before the next block */
		qemu_plugin_reset(plugin, begin);
	}
}

static intptr_t mark_of(const struct qemu_plugin_insn *insn)
{
	const uint8_t *code = qemu_plugin_insn_data(insn);
	uint32_t number;

	if (qemu_plugin_insn_size(insn) != sizeof(MARK) + sizeof(number) || memcmp(code, MARK, sizeof(MARK)))
		return 0;
	memcpy(&number, code + sizeof(MARK), sizeof(number));
	number -= MARK_NUMBER;
	return number >= MARK_ON && number <= MARK_IDLE ? number : 0;
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		intptr_t mark = mark_of(insn);

		if (mark)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, executed_mark, NO_REGISTERS, (void *)mark);
	}
	if (!ready)
		return;
	bool idle = false;
	/* an instruction is of two lines at most */
	struct block *b = malloc(sizeof(*b) + 2 * count * sizeof(*b->line));

	if (!b)
		abort();
	*b = (struct block){.next = blocks, .instructions = count};
	blocks = b;
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		/* The emulator's address of it: apart from the physical one by a multiple of pages, and in nobody's way. */
		uint64_t first = (uintptr_t)qemu_plugin_insn_haddr(insn), last = first + qemu_plugin_insn_size(insn) - 1;

		/*
		 * QEMU 7.2 keeps what an instruction registers that accesses memory and ends its block by a helper (a return),
		 * until the next with a helper: what mark 5 throws away must not be kept.  Hence FXSAVE before it, and:
		 */
		idle = idle || mark_of(insn) == MARK_IDLE;
		if (!idle)
			qemu_plugin_register_vcpu_mem_cb(insn, accessed_memory, NO_REGISTERS, LOADS_AND_STORES, NULL);
		for (uint64_t line = first >> LINE_SHIFT; first && line <= last >> LINE_SHIFT; line++)
			if (!b->lines || b->line[b->lines - 1] != line)
				b->line[b->lines++] = line;
	}
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed_block, NO_REGISTERS, b);
}

/* All blocks are gone; those that are executed from now on are translated again. */
static void flushed(uint64_t id)
{
	(void)id;
	while (blocks) {
		struct block *b = blocks;

		blocks = b->next;
		free(b);
	}
}

static void begin(uint64_t id)
{
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_flush_cb(id, flushed);
}

static bool make(struct cache *c, const char *size)
{
	char *end;
	uint64_t bytes = strtoull(size, &end, 10), ways = *end == ':' ? strtoull(end + 1, &end, 10) : 0;

	if (*end || !ways || !bytes || bytes % (ways << LINE_SHIFT))
		return false;
	free(c->line);
	*c = (struct cache){bytes / (ways << LINE_SHIFT), ways, calloc(bytes >> LINE_SHIFT, sizeof(*c->line))};
	return c->line;
}

EXPORT int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int count, char **argument)
{
	static const struct {
		const char *name;
		struct cache *cache;
	} CACHES[] = {{"l1d=", &l1d}, {"l1i=", &l1i}, {"l2=", &l2}};
	bool good = make(&l1d, "32768:8") && make(&l1i, "32768:8") && make(&l2, "1048576:16");

	(void)info;
	for (int i = 0; i < count; i++) {
		bool known = false;

		if (!strncmp(argument[i], "out=", 4)) {
			out = fopen(argument[i] + 4, "we");
			known = out;
		}
		for (size_t c = 0; c < sizeof(CACHES) / sizeof(*CACHES); c++) {
			size_t length = strlen(CACHES[c].name);

			if (!strncmp(argument[i], CACHES[c].name, length))
				known = make(CACHES[c].cache, argument[i] + length);
		}
		if (!known)
			fprintf(stderr, "cache: %s is no argument of this plugin, or no cache of whole sets of 64-byte lines, or no file that can be written\n", argument[i]);
		good = good && known;
	}
	if (!good || !out) {
		fprintf(stderr, "cache: expected out=FILE[,l1d=BYTES:WAYS][,l1i=BYTES:WAYS][,l2=BYTES:WAYS]\n");
		return -1;
	}
	plugin = id;
	begin(id);
	return 0;
}
