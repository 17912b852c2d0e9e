/* SPDX-License-Identifier: GPL-2.0-only */
/* Tracepoints: what happens to parked SYNs, and where ESP packets end. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM sluice

#if !defined(_SLUICE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _SLUICE_TRACE_H

#include <linux/tracepoint.h>

#include "network.h"
#include "park.h"
#include "record.h"
#include "verdict.h"

TRACE_EVENT(sluice_park,
	TP_PROTO(const struct sluice_parked *syn),
	TP_ARGS(syn),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(u32, client)
		__field(int, network)
		__array(u8, source, 16)
		__array(u8, destination, 16)
		__field(u16, source_port)
		__field(u16, destination_port)
	),
	TP_fast_assign(
		__entry->id = syn->id;
		__entry->client = syn->client;
		__entry->network = syn->network->dev->ifindex;
		memcpy(__entry->source, &syn->tuple.source, 16);
		memcpy(__entry->destination, &syn->tuple.destination, 16);
		__entry->source_port = syn->tuple.source_port;
		__entry->destination_port = syn->tuple.destination_port;
	),
	TP_printk("id=%u network=%d client=%u %pI6c.%u > %pI6c.%u", __entry->id, __entry->network, __entry->client,
		  __entry->source, __entry->source_port, __entry->destination, __entry->destination_port)
);

TRACE_EVENT(sluice_withdraw,
	TP_PROTO(const struct sluice_parked *syn, u8 reason),
	TP_ARGS(syn, reason),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(u8, state)
		__field(u8, reason)
	),
	TP_fast_assign(
		__entry->id = syn->id;
		__entry->state = syn->state;
		__entry->reason = reason;
	),
	TP_printk("id=%u state=%u reason=%u", __entry->id, __entry->state, __entry->reason)
);

TRACE_EVENT(sluice_verdict,
	TP_PROTO(const struct sluice_ruling *ruling),
	TP_ARGS(ruling),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(u8, verdict)
		__field(u8, icmp_type)
		__field(u8, icmp_code)
	),
	TP_fast_assign(
		__entry->id = ruling->id;
		__entry->verdict = ruling->verdict;
		__entry->icmp_type = ruling->icmp_type;
		__entry->icmp_code = ruling->icmp_code;
	),
	TP_printk("id=%u verdict=%u icmp=%u/%u", __entry->id, __entry->verdict, __entry->icmp_type, __entry->icmp_code)
);

/* Each packet, at its end; what was not known by then is 0. */
DECLARE_EVENT_CLASS(sluice_esp,
	TP_PROTO(u32 spi, u32 sequence, const struct sluice_endpoint *outer, int counter),
	TP_ARGS(spi, sequence, outer, counter),
	TP_STRUCT__entry(
		__field(u32, spi)
		__field(u32, sequence)
		__array(u8, address, 16)
		__field(u16, port)
		__field(u16, counter)
	),
	TP_fast_assign(
		__entry->spi = spi;
		__entry->sequence = sequence;
		memcpy(__entry->address, &outer->address, 16);
		__entry->port = ntohs(outer->port);
		__entry->counter = counter;
	),
	TP_printk("spi=%08x sequence=%u outer=%pI6c.%u end=%s", __entry->spi, __entry->sequence, __entry->address, __entry->port,
		  sluice_show_namespace_counter(__entry->counter))
);

DEFINE_EVENT(sluice_esp, sluice_esp_receive,
	TP_PROTO(u32 spi, u32 sequence, const struct sluice_endpoint *outer, int counter),
	TP_ARGS(spi, sequence, outer, counter)
);

DEFINE_EVENT(sluice_esp, sluice_esp_send,
	TP_PROTO(u32 spi, u32 sequence, const struct sluice_endpoint *outer, int counter),
	TP_ARGS(spi, sequence, outer, counter)
);

#endif /* _SLUICE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
