// SPDX-License-Identifier: Apache-2.0
/*
 * What esp.py must not do in Python, since its instructions would be what is counted: make ESP packets and xfrm requests
 * by the ten thousand, and put packets into a tap device while the guest's clock is read.  A library for ctypes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ETHERNET	14
#define KEY		36	/* AES-256 key, then the salt of RFC 4106 */
#define DROPS		8	/* SK_MEMINFO_DROPS */

/* The addresses of esp.py. */
#define GATEWAY		0xc0000201U	/* 192.0.2.1, outer */
#define HOST		0x0a000001U	/* 10.0.0.1, inner, on the gateway */
#define OUTER		0xac100000U	/* 172.16.0.0/12 + id */
#define INNER		0x0a100000U	/* 10.16.0.0/12 + id */
#define SPOOFED		0xc6120000U	/* 198.18.0.0/15: of benchmarks (RFC 2544) */
#define PORT		9999

struct frames {
	uint8_t *data;
	uint32_t *length;
	uint32_t stride;
	uint32_t count;
};

static EVP_CIPHER_CTX *gcm;
static EVP_MAC_CTX *cmac;

/* K(i) = CMAC(M, [i]32 | "SK" | 0x30 + alg | 0 | [SPI]32 | [L]32), i = 1, 2, 3 */
int derive(const uint8_t *master, uint32_t spi, uint8_t *key)
{
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, "AES-256-CBC", 0), OSSL_PARAM_construct_end()};
	static uint8_t keyed[32];
	uint8_t block[16], out[48];
	size_t length;

	if (!cmac || memcmp(keyed, master, 32)) {
		if (!cmac)
			cmac = EVP_MAC_CTX_new(EVP_MAC_fetch(NULL, "CMAC", NULL));
		if (!EVP_MAC_init(cmac, master, 32, params))
			return -1;
		memcpy(keyed, master, 32);
	}
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t input[4] = {htonl(i + 1), htonl(0x534b3200), htonl(spi), htonl(288)};

		/* without a key: begin again under the same one */
		if (!EVP_MAC_init(cmac, NULL, 0, NULL) || !EVP_MAC_update(cmac, (uint8_t *)input, 16) ||
		    !EVP_MAC_final(cmac, block, &length, sizeof(block)))
			return -1;
		memcpy(out + i * 16, block, 16);
	}
	memcpy(key, out, KEY);
	return 0;
}

static void ip_header(uint8_t *to, unsigned int length, uint8_t protocol, uint32_t source, uint32_t destination)
{
	uint16_t head[10] = {htons(0x4500), htons(length), 0, htons(0x4000), htons(64 << 8 | protocol), 0,
			     htons(source >> 16), htons(source & 0xffff), htons(destination >> 16), htons(destination & 0xffff)};
	uint32_t sum = 0;

	for (int i = 0; i < 10; i++)
		sum += ntohs(head[i]);
	sum = (sum & 0xffff) + (sum >> 16);
	head[5] = htons(~(sum + (sum >> 16)) & 0xffff);
	memcpy(to, head, 20);
}

static void udp_packet(uint8_t *to, unsigned int size, uint32_t source, uint32_t destination)
{
	uint16_t head[4] = {htons(PORT + 1), htons(PORT), htons(size - 20), 0};

	ip_header(to, size, IPPROTO_UDP, source, destination);
	memcpy(to + 20, head, 8);
	memset(to + 28, 'x', size - 28);
}

static uint8_t *frame(struct frames *f, const uint8_t *mac, unsigned int length)
{
	uint8_t *at = f->data + (size_t)f->count * f->stride;

	memcpy(at, mac, 6);
	memcpy(at + 6, "\x02\0\0\0\0\x99\x08\0", 8);
	f->length[f->count++] = ETHERNET + length;
	return at + ETHERNET;
}

/* Inner packets of @size bytes as they are. */
int make_plain(struct frames *f, const uint8_t *mac, const uint32_t *source, const uint32_t *destination, uint32_t count, uint32_t size)
{
	f->count = 0;
	for (uint32_t i = 0; i < count; i++)
		udp_packet(frame(f, mac, size), size, source[i], destination[i]);
	return 0;
}

/* The same from clients to HOST, in ESP: SPI @top | id << 9, sequence numbers as given. */
int make_esp(struct frames *f, const uint8_t *mac, const uint8_t *master, uint32_t top, const uint32_t *id, const uint32_t *sequence,
	     uint32_t count, uint32_t size)
{
	unsigned int pad = -(size + 2) & 3, text = size + pad + 2;
	uint8_t key[KEY], nonce[12], inner[2048];
	uint32_t last = 0;

	if (!gcm)
		gcm = EVP_CIPHER_CTX_new();
	f->count = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t spi = top | id[i] << 9, head[4] = {htonl(spi), htonl(sequence[i]), htonl(0x5a5a5a5a), htonl(sequence[i])};
		uint8_t *at = frame(f, mac, 20 + 16 + text + 16);
		int n;

		if (!i || id[i] != last) {
			last = id[i];
			if (derive(master, spi, key) || !EVP_EncryptInit_ex(gcm, EVP_aes_256_gcm(), NULL, key, NULL))
				return -1;
		}
		ip_header(at, 20 + 16 + text + 16, IPPROTO_ESP, OUTER + id[i], GATEWAY);
		memcpy(at + 20, head, 16);
		memcpy(nonce, key + 32, 4);
		memcpy(nonce + 4, head + 2, 8);
		udp_packet(inner, size, INNER + id[i], HOST);
		for (unsigned int p = 0; p < pad; p++)
			inner[size + p] = p + 1;
		inner[size + pad] = pad;
		inner[size + pad + 1] = IPPROTO_IPIP;
		if (!EVP_EncryptInit_ex(gcm, NULL, NULL, NULL, nonce) || !EVP_EncryptUpdate(gcm, NULL, &n, (uint8_t *)head, 8) ||
		    !EVP_EncryptUpdate(gcm, at + 36, &n, inner, text) || !EVP_EncryptFinal_ex(gcm, at + 36 + n, &n) ||
		    !EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_AEAD_GET_TAG, 16, at + 36 + text))
			return -1;
	}
	return 0;
}

/*
 * Of each @group packets all but the first become forged ones: the SPI of a client, a source that is none's, and a payload that
 * authenticates nothing.
 */
void forge(struct frames *f, uint32_t group)
{
	for (uint32_t i = 0; i < f->count; i++) {
		uint8_t *at = f->data + (size_t)i * f->stride + ETHERNET;

		if (i % group == 0)
			continue;
		ip_header(at, f->length[i] - ETHERNET, IPPROTO_ESP, SPOOFED + (uint32_t)random() % (1 << 17), GATEWAY);
		for (uint32_t n = 20 + 16; n + 4 <= f->length[i] - ETHERNET; n += 4)
			at[n] ^= 1 + random() % 255;
	}
}

/* To another interface address: to one that is not the tap's, a packet is dropped by ip_rcv() at once. */
void readdress(const struct frames *f, const uint8_t *mac)
{
	for (uint32_t i = 0; i < f->count; i++)
		memcpy(f->data + (size_t)i * f->stride, mac, 6);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/*
 * Marks for the model of the caches (cache/cache.c), instructions that do nothing: @NUMBER 1: count from here, 2: no longer,
 * 3: report, 4: soon there is something to count, 5: for long there is not.
 */
#define MARK(NUMBER)	asm volatile(".byte 0x0f, 0x1f, 0x80\n\t.long 0x5c1ce000 + " #NUMBER ::: "memory")
static int marked;

/*
 * Is what inject() does counted by the model?  FXSAVE uses a helper of QEMU's and makes it forget callbacks that mark 5 throws
 * away: translated() in cache.c.
 */
void mark(int on)
{
	static uint8_t room[512] __attribute__((aligned(16)));

	marked = on;
	if (on) {
		MARK(4);
	} else {
		asm volatile("fxsave %0\n\t.byte 0x0f, 0x1f, 0x80\n\t.long 0x5c1ce005" : "=m"(room));
	}
}

void mark_report(void)
{
	MARK(3);
}

/* A load from each line: what the model says of it is known. */
void touch(const volatile uint8_t *memory, uint32_t bytes)
{
	MARK(1);
	for (uint32_t i = 0; i < bytes; i += 64)
		(void)memory[i];
	MARK(2);
	MARK(3);
}

/* Nanoseconds of 10 million instructions. */
uint64_t clock_check(void)
{
	uint64_t began = now(), n = 5000000;

	asm volatile("1: dec %0; jnz 1b" : "+r"(n));
	return now() - began;
}

/* Where packets end: a socket that is never read counts what it drops, a device what it was given. */
static uint64_t arrived(int sink, uint32_t device)
{
	struct {
		struct nlmsghdr head;
		struct if_stats_msg of;
	} ask = {{sizeof(ask), RTM_GETSTATS, NLM_F_REQUEST, 0, 0}, {.ifindex = device, .filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64)}};
	uint32_t memory[9] = {};
	uint8_t answer[1024];
	struct rtnl_link_stats64 stats;
	socklen_t length = sizeof(memory);

	if (!device)
		return getsockopt(sink, SOL_SOCKET, SO_MEMINFO, memory, &length) ? UINT64_MAX : memory[DROPS];
	if (send(sink, &ask, sizeof(ask), 0) < 0 || recv(sink, answer, sizeof(answer), 0) < (ssize_t)(sizeof(ask) + 4 + sizeof(stats)))
		return UINT64_MAX;
	memcpy(&stats, answer + sizeof(ask) + 4, sizeof(stats));
	return stats.tx_packets;
}

/*
 * Nanoseconds for all frames to be in the sink.  While a batch is put in nobody else runs, so that a peer with work queues
 * gets it as from a busy network card; then everybody else before us.  Nothing is ever idle: idle time would jump to the
 * next timer.  Several batches in one go: what is put off (RCU) is done within.
 *
 * Where the model counts, each batch comes from the same memory, as a network card's does: all frames would be a working set.
 */
int64_t inject(int tap, const struct frames *f, uint32_t batch, int sink, uint32_t device, int all, uint32_t *got)
{
	static const struct sched_param none, first = {.sched_priority = 1};
	uint64_t before = arrived(sink, device), began = now(), after = began;
	static uint8_t ring[1 << 17];

	if (marked && (size_t)batch * f->stride > sizeof(ring))
		return -ENOBUFS;
	for (uint32_t i = 0; i < f->count && after < began + 5000000000ULL;) {
		uint32_t end = i + batch < f->count ? i + batch : f->count;
		const uint8_t *from = f->data + (size_t)i * f->stride;

		if (marked) {
			memcpy(ring, from, (size_t)(end - i) * f->stride);
			from = ring;
			MARK(1);
		}
		sched_setscheduler(0, SCHED_FIFO, &first);
		for (; i < end; i++, from += f->stride)
			if (write(tap, from, f->length[i]) != f->length[i])
				goto failed;
		sched_setscheduler(0, SCHED_IDLE, &none);
		while (*got = arrived(sink, device) - before, after = now(), all && *got < end && after < began + 5000000000ULL)
			sched_yield();
		if (marked)
			MARK(2);
	}
	sched_setscheduler(0, SCHED_OTHER, &none);
	return after - began;
failed:
	if (marked)
		MARK(2);
	sched_setscheduler(0, SCHED_OTHER, &none);
	return -errno;
}

static void attribute(struct nlmsghdr *m, unsigned short type, const void *data, unsigned int length)
{
	struct rtattr *a = (struct rtattr *)((uint8_t *)m + NLMSG_ALIGN(m->nlmsg_len));

	a->rta_type = type;
	a->rta_len = RTA_LENGTH(length);
	memcpy(RTA_DATA(a), data, length);
	m->nlmsg_len = NLMSG_ALIGN(m->nlmsg_len) + RTA_SPACE(length);
}

/* The state of one client and direction: AES-256-GCM, ICV 16, and a replay window of 128, as Sluice's. */
static void state(struct nlmsghdr *m, const uint8_t *master, uint32_t top, uint32_t id, int out)
{
	struct xfrm_usersa_info *s = NLMSG_DATA(m);
	struct {
		struct xfrm_algo_aead head;
		uint8_t key[KEY];
	} aead = {{.alg_name = "rfc4106(gcm(aes))", .alg_key_len = KEY * 8, .alg_icv_len = 128}, {}};
	struct {
		struct xfrm_replay_state_esn head;
		uint32_t bitmap[4];
	} replay = {{.bmp_len = 4, .replay_window = 128}, {}};
	uint32_t spi = top | (uint32_t)out << 29 | id << 9;

	m->nlmsg_type = XFRM_MSG_NEWSA;
	m->nlmsg_len = NLMSG_LENGTH(sizeof(*s));
	s->family = AF_INET;
	s->id.proto = IPPROTO_ESP;
	s->id.spi = htonl(spi);
	s->id.daddr.a4 = htonl(out ? OUTER + id : GATEWAY);
	s->saddr.a4 = htonl(out ? GATEWAY : OUTER + id);
	s->mode = XFRM_MODE_TUNNEL;
	s->reqid = 1;
	s->lft.soft_byte_limit = s->lft.hard_byte_limit = s->lft.soft_packet_limit = s->lft.hard_packet_limit = XFRM_INF;
	derive(master, spi, aead.key);
	attribute(m, XFRMA_ALG_AEAD, &aead, sizeof(aead.head) + KEY);
	attribute(m, XFRMA_REPLAY_ESN_VAL, &replay, sizeof(replay));
}

/* What comes from a client's inner address came through its tunnel, or what goes there goes through it.  Client 0, in: all of them at once. */
static void policy(struct nlmsghdr *m, uint32_t id, int out)
{
	struct xfrm_userpolicy_info *p = NLMSG_DATA(m);
	struct xfrm_user_tmpl t = {.family = AF_INET, .reqid = 1, .mode = XFRM_MODE_TUNNEL, .aalgos = ~0U, .ealgos = ~0U, .calgos = ~0U};

	m->nlmsg_type = XFRM_MSG_NEWPOLICY;
	m->nlmsg_len = NLMSG_LENGTH(sizeof(*p));
	p->sel.family = AF_INET;
	*(out ? &p->sel.daddr.a4 : &p->sel.saddr.a4) = htonl(INNER + id);
	*(out ? &p->sel.prefixlen_d : &p->sel.prefixlen_s) = id ? 32 : 12;
	p->dir = out ? XFRM_POLICY_OUT : XFRM_POLICY_IN;
	p->lft.soft_byte_limit = p->lft.hard_byte_limit = p->lft.soft_packet_limit = p->lft.hard_packet_limit = XFRM_INF;
	t.id.proto = IPPROTO_ESP;
	t.id.daddr.a4 = htonl(out ? OUTER + id : GATEWAY);
	t.saddr.a4 = htonl(out ? GATEWAY : id ? OUTER + id : 0);
	attribute(m, XFRMA_TMPL, &t, sizeof(t));
}

/* Requests for clients @first, @first + @step, ...; @what: 1 state in, 2 state out, 4 policy in, 8 policy out.  Their nanoseconds, made before. */
int64_t xfrm_add(int netlink, const uint8_t *master, uint32_t top, uint32_t first, uint32_t step, uint32_t count, uint32_t what)
{
	enum { ROOM = 1 << 18, EACH = 512, BATCH = 32 };
	static uint8_t request[ROOM], answer[1 << 16];
	int64_t took = 0;

	for (uint32_t i = 0; i < count;) {
		uint32_t messages = 0, length = 0, acknowledged = 0;
		uint64_t began;

		for (; i < count && messages < BATCH; i++)
			for (int kind = 0; kind < 4; kind++) {
				struct nlmsghdr *m = (struct nlmsghdr *)(request + length);

				if (!(what & 1 << kind))
					continue;
				memset(m, 0, EACH);
				if (kind < 2)
					state(m, master, top, first + i * step, kind);
				else
					policy(m, first + i * step, kind - 2);
				m->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
				length += NLMSG_ALIGN(m->nlmsg_len);
				messages++;
			}
		began = now();
		if (send(netlink, request, length, 0) < 0)
			return -errno;
		while (acknowledged < messages) {
			int got = recv(netlink, answer, sizeof(answer), 0);

			if (got < 0)
				return -errno;
			for (struct nlmsghdr *m = (struct nlmsghdr *)answer; NLMSG_OK(m, got); m = NLMSG_NEXT(m, got)) {
				if (m->nlmsg_type == NLMSG_ERROR && ((struct nlmsgerr *)NLMSG_DATA(m))->error)
					return ((struct nlmsgerr *)NLMSG_DATA(m))->error;
				acknowledged++;
			}
		}
		took += now() - began;
	}
	return took;
}
