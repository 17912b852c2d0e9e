/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The controller: the one process that answers offers.  It is a netlink port id; it is told of parked SYNs
 * by batched unicast messages, never more of them than the credit it gave, and it ends with its socket.
 */
#ifndef _SLUICE_CONTROLLER_H
#define _SLUICE_CONTROLLER_H

#include <linux/netlink.h>
#include <linux/workqueue.h>

struct sluice_net;
struct sluice_steer;

#define SLUICE_CREDIT_MAX		65536
/* Most entries in one event message; filling stops at what fits. */
#define SLUICE_EVENT_BATCH		32
/* How long a full socket is left alone. */
#define SLUICE_EVENT_RETRY		msecs_to_jiffies(20)

/**
 * struct sluice_controller - the controller of a network namespace
 * @port_id: its netlink port id, 0 if there is none; written under config_lock, read anywhere
 * @lost_at: jiffies of when @port_id last became 0
 * @work: tells it what waits
 */
struct sluice_controller {
	u32 port_id;
	unsigned long lost_at;
	struct delayed_work work;
};

void sluice_controller_init(struct sluice_controller *controller);
void sluice_controller_stop(struct sluice_controller *controller);

/* Any context: something waits to be told. */
void sluice_controller_wake(struct sluice_controller *controller);

/* Any context: has nobody been there for SLUICE_PARK_ORPHAN_TIME, counted from @since at the earliest? */
bool sluice_controller_absent(const struct sluice_controller *controller, unsigned long since);

/* config_lock held.  -EBUSY if another socket is the controller. */
int sluice_controller_may_bind(const struct sluice_net *sn, u32 port_id, struct netlink_ext_ack *extack);
void sluice_controller_bind(struct sluice_net *sn, u32 port_id, u32 credit);

/* Process context. */
void sluice_controller_credit(struct sluice_net *sn, u32 credit);

/*
 * Process context.  Sends the controller an event that @fill makes of @what; false: there is no controller, its socket is
 * full, or there was no memory.
 */
bool sluice_controller_event(struct sluice_net *sn, u8 command, int (*fill)(struct sk_buff *msg, const void *what),
			     const void *what);

int sluice_controller_notifier_register(void);
void sluice_controller_notifier_unregister(void);

#endif /* _SLUICE_CONTROLLER_H */
