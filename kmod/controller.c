// SPDX-License-Identifier: GPL-2.0-only
/* Events to the controller, and its coming and going, see controller.h. */

#include <linux/jiffies.h>
#include <linux/netlink.h>
#include <net/genetlink.h>

#include "kunit.h"
#include "net.h"
#include "netlink.h"
#include "network.h"
#include "relay.h"

void sluice_controller_wake(struct sluice_controller *controller)
{
	if (READ_ONCE(controller->port_id))
		queue_delayed_work(system_highpri_wq, &controller->work, 0);
}

bool sluice_controller_absent(const struct sluice_controller *controller, unsigned long since)
{
	unsigned long lost_at;

	/* Pairs with netlink_event(): who sees that it is gone sees also since when. */
	if (smp_load_acquire(&controller->port_id))
		return false;
	lost_at = READ_ONCE(controller->lost_at);
	if (time_after(lost_at, since))
		since = lost_at;
	return time_after_eq(jiffies, since + SLUICE_PARK_ORPHAN_TIME);
}

/* One nested attribute of a message; false: it does not fit, and the message is as before. */
static bool put_parked(struct sk_buff *msg, const struct sluice_parked *entry)
{
	struct nlattr *nest = nla_nest_start(msg, SLUICE_A_CONTROLLER_PARKED);

	if (!nest)
		return false;
	if (sluice_parked_fill(msg, entry)) {
		nla_nest_cancel(msg, nest);
		return false;
	}
	nla_nest_end(msg, nest);
	return true;
}

static bool put_withdrawn(struct sk_buff *msg, const struct sluice_parked *entry)
{
	struct nlattr *nest = nla_nest_start(msg, SLUICE_A_CONTROLLER_WITHDRAWN);

	if (!nest)
		return false;
	if (nla_put_u32(msg, SLUICE_A_WITHDRAWN_ID, entry->id) ||
	    nla_put_u8(msg, SLUICE_A_WITHDRAWN_REASON, entry->reason)) {
		nla_nest_cancel(msg, nest);
		return false;
	}
	nla_nest_end(msg, nest);
	return true;
}

/* Takes up to a batch of waiting entries into @msg and their ids into @ids; they are ANNOUNCED then. */
static unsigned int collect_parked(struct sluice_park *park, struct sk_buff *msg, u32 *ids)
{
	struct sluice_parked *entry;
	unsigned int count = 0;

	spin_lock_bh(&park->lock);
	while (count < SLUICE_EVENT_BATCH && park->credit && (entry = sluice_source_next(park))) {
		WRITE_ONCE(entry->state, SLUICE_STATE_ANNOUNCED);
		if (!put_parked(msg, entry)) {
			WRITE_ONCE(entry->state, SLUICE_STATE_WAITING);
			sluice_source_requeue(park, entry);
			break;
		}
		park->credit--;
		ids[count++] = entry->id;
	}
	spin_unlock_bh(&park->lock);
	return count;
}

/* The message was taken, or it was not and its entries go back to the head of their queues. */
static void settle_parked(struct sluice_park *park, const u32 *ids, unsigned int count, bool taken)
{
	struct sluice_parked *entry;

	spin_lock_bh(&park->lock);
	if (!taken)
		park->credit = min_t(u32, park->credit + count, SLUICE_CREDIT_MAX);
	while (count--) {
		entry = xa_load(&park->ids, ids[count]);
		if (!entry || entry->state != SLUICE_STATE_ANNOUNCED)
			continue;
		if (taken) {
			sluice_count(entry->network, SLUICE_COUNT_ANNOUNCED);
		} else {
			WRITE_ONCE(entry->state, SLUICE_STATE_WAITING);
			sluice_source_requeue(park, entry);
		}
	}
	spin_unlock_bh(&park->lock);
}

static unsigned int collect_withdrawn(struct sluice_park *park, struct sk_buff *msg, struct list_head *told)
{
	struct sluice_parked *entry, *next;
	unsigned int count = 0;

	spin_lock_bh(&park->lock);
	list_for_each_entry_safe(entry, next, &park->withdrawn, age) {
		if (!put_withdrawn(msg, entry))
			break;
		list_move_tail(&entry->age, told);
		count++;
	}
	spin_unlock_bh(&park->lock);
	return count;
}

static void settle_withdrawn(struct sluice_park *park, struct list_head *told, bool taken)
{
	struct sluice_parked *entry, *next;

	if (taken) {
		list_for_each_entry_safe(entry, next, told, age)
			sluice_parked_free(entry);
		return;
	}
	spin_lock_bh(&park->lock);
	list_splice(told, &park->withdrawn);
	spin_unlock_bh(&park->lock);
}

static struct sk_buff *event_start(u8 command, void **header)
{
	struct sk_buff *msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (!msg)
		return NULL;
	*header = genlmsg_put(msg, 0, 0, &sluice_genl_family, 0, command);
	return msg;
}

/* Sends or frees @msg.  False: the socket is full or gone, or there was no memory. */
static bool event_send(struct sluice_net *sn, struct sk_buff *msg, void *header, u32 port_id)
{
	genlmsg_end(msg, header);
	if (genlmsg_unicast(sn->net, msg, port_id)) {
		sluice_ns_count(sn, SLUICE_NS_COUNT_EVENTS_DEFERRED);
		return false;
	}
	sluice_ns_count(sn, SLUICE_NS_COUNT_EVENTS);
	return true;
}

bool sluice_controller_event(struct sluice_net *sn, u8 command, int (*fill)(struct sk_buff *msg, const void *what),
			     const void *what)
{
	u32 port_id = READ_ONCE(sn->controller.port_id);
	struct sk_buff *msg;
	void *header;

	if (!port_id)
		return false;
	msg = event_start(command, &header);
	if (!msg)
		return false;
	if (!fill(msg, what))
		return event_send(sn, msg, header, port_id);
	nlmsg_free(msg);
	return false;
}

/* One message of each kind.  Returns how many entries were told, or -EAGAIN. */
static int tell(struct sluice_net *sn, u32 port_id)
{
	u32 ids[SLUICE_EVENT_BATCH];
	unsigned int parked, gone;
	struct sk_buff *msg;
	LIST_HEAD(told);
	void *header;
	bool taken;

	if (list_empty_careful(&sn->park.turns) && list_empty_careful(&sn->park.withdrawn))
		return 0;
	msg = event_start(SLUICE_CMD_PARKED_NTF, &header);
	if (!msg)
		return -EAGAIN;
	parked = collect_parked(&sn->park, msg, ids);
	if (parked) {
		taken = event_send(sn, msg, header, port_id);
		settle_parked(&sn->park, ids, parked, taken);
		if (!taken)
			return -EAGAIN;
		msg = NULL;
	}
	nlmsg_free(msg);

	msg = event_start(SLUICE_CMD_WITHDRAWN_NTF, &header);
	if (!msg)
		return -EAGAIN;
	gone = collect_withdrawn(&sn->park, msg, &told);
	if (gone) {
		taken = event_send(sn, msg, header, port_id);
		settle_withdrawn(&sn->park, &told, taken);
		if (!taken)
			return -EAGAIN;
		msg = NULL;
	}
	nlmsg_free(msg);
	return parked + gone;
}

static void controller_work(struct work_struct *work)
{
	struct sluice_controller *controller = container_of(to_delayed_work(work), struct sluice_controller, work);
	struct sluice_net *sn = container_of(controller, struct sluice_net, controller);
	u32 port_id;
	int told;

	while ((port_id = READ_ONCE(controller->port_id))) {
		told = tell(sn, port_id);
		if (told < 0) {
			queue_delayed_work(system_highpri_wq, &controller->work, SLUICE_EVENT_RETRY);
			return;
		}
		if (!told)
			return;
		cond_resched();
	}
}

void sluice_controller_init(struct sluice_controller *controller)
{
	controller->lost_at = jiffies;
	INIT_DELAYED_WORK(&controller->work, controller_work);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_controller_init);

/* The namespace goes: nobody is told anything any more. */
void sluice_controller_stop(struct sluice_controller *controller)
{
	WRITE_ONCE(controller->port_id, 0);
	cancel_delayed_work_sync(&controller->work);
}
EXPORT_SYMBOL_FOR_SLUICE_KUNIT(sluice_controller_stop);

int sluice_controller_may_bind(const struct sluice_net *sn, u32 port_id, struct netlink_ext_ack *extack)
{
	lockdep_assert_held(&sn->config_lock);

	if (!sn->controller.port_id || sn->controller.port_id == port_id)
		return 0;
	NL_SET_ERR_MSG(extack, "another process is the controller of this network namespace");
	return -EBUSY;
}

/**
 * sluice_controller_bind() - a process becomes the controller
 * @sn: the network namespace
 * @port_id: its netlink socket
 * @credit: announcements that it takes
 *
 * Binding again from the same socket starts afresh.
 */
void sluice_controller_bind(struct sluice_net *sn, u32 port_id, u32 credit)
{
	lockdep_assert_held(&sn->config_lock);

	sluice_park_forget_withdrawn(&sn->park);
	sluice_park_unbind_all(&sn->park);
	sluice_park_reannounce(&sn->park);
	spin_lock_bh(&sn->park.lock);
	sn->park.credit = credit;
	spin_unlock_bh(&sn->park.lock);
	WRITE_ONCE(sn->controller.port_id, port_id);
	sluice_controller_wake(&sn->controller);
}

void sluice_controller_credit(struct sluice_net *sn, u32 credit)
{
	spin_lock_bh(&sn->park.lock);
	sn->park.credit = min_t(u32, sn->park.credit + credit, SLUICE_CREDIT_MAX);
	spin_unlock_bh(&sn->park.lock);
	sluice_controller_wake(&sn->controller);
}

/* A blocking notifier: netlink sockets are released in process context. */
static int netlink_event(struct notifier_block *block, unsigned long event, void *data)
{
	const struct netlink_notify *notify = data;
	struct sluice_net *sn;

	if (event != NETLINK_URELEASE || notify->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;
	sn = sluice_net(notify->net);
	if (!notify->portid || READ_ONCE(sn->controller.port_id) != notify->portid)
		return NOTIFY_DONE;

	mutex_lock(&sn->config_lock);
	if (sn->controller.port_id == notify->portid) {
		WRITE_ONCE(sn->controller.lost_at, jiffies);
		/* Pairs with sluice_controller_absent(). */
		smp_store_release(&sn->controller.port_id, 0);
		sluice_park_unbind_all(&sn->park);
		sluice_relay_set(sn, NULL);
		sluice_ns_count(sn, SLUICE_NS_COUNT_CONTROLLER_LOST);
	}
	mutex_unlock(&sn->config_lock);
	return NOTIFY_OK;
}

static struct notifier_block netlink_notifier = { .notifier_call = netlink_event };

int sluice_controller_notifier_register(void)
{
	return netlink_register_notifier(&netlink_notifier);
}

void sluice_controller_notifier_unregister(void)
{
	netlink_unregister_notifier(&netlink_notifier);
}
