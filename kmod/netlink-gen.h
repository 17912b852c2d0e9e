/* SPDX-License-Identifier: GPL-2.0-only */
/* Made from uapi/sluice.yaml by uapi/gen.py.  Do not edit. */
#ifndef _SLUICE_NETLINK_GEN_H
#define _SLUICE_NETLINK_GEN_H

#include <net/genetlink.h>
#include <net/netlink.h>

#include <linux/sluice.h>

extern const struct nla_policy sluice_prefix_policy[SLUICE_A_PREFIX_MAX + 1];
extern const struct nla_policy sluice_rule_policy[SLUICE_A_RULE_MAX + 1];
extern const struct nla_policy sluice_verdict_policy[SLUICE_A_VERDICT_MAX + 1];
extern const struct nla_policy sluice_generation_new_policy[SLUICE_A_GENERATION_LIFETIME + 1];

extern const struct genl_ops sluice_netlink_ops[];
extern const unsigned int sluice_netlink_ops_count;

int sluice_netlink_network_get(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_network_get_dump(struct sk_buff *skb, struct netlink_callback *cb);
int sluice_netlink_network_set(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_client_new(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_client_del(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_client_get(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_client_get_dump(struct sk_buff *skb, struct netlink_callback *cb);
int sluice_netlink_acl_set(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_acl_get_dump(struct sk_buff *skb, struct netlink_callback *cb);
int sluice_netlink_acl_test(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_parked_get_dump(struct sk_buff *skb, struct netlink_callback *cb);
int sluice_netlink_counter_get_dump(struct sk_buff *skb, struct netlink_callback *cb);
int sluice_netlink_controller_bind(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_controller_get(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_controller_credit(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_controller_verdict(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_pool_new(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_pool_del(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_pool_get_dump(struct sk_buff *skb, struct netlink_callback *cb);
int sluice_netlink_esp_set(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_esp_get(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_generation_new(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_generation_promote(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_generation_del(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_generation_get_dump(struct sk_buff *skb, struct netlink_callback *cb);
int sluice_netlink_esp_client_set(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_esp_client_get_dump(struct sk_buff *skb, struct netlink_callback *cb);
int sluice_netlink_policy_set(struct sk_buff *skb, struct genl_info *info);
int sluice_netlink_policy_get(struct sk_buff *skb, struct genl_info *info);

/* Counters kept for each network, in the order of their attributes. */
enum sluice_network_counter {
	SLUICE_COUNT_PARKED,
	SLUICE_COUNT_RETRANSMITTED,
	SLUICE_COUNT_ANNOUNCED,
	SLUICE_COUNT_ACCEPTED,
	SLUICE_COUNT_REFUSED,
	SLUICE_COUNT_UNREACHABLE,
	SLUICE_COUNT_REPLIED,
	SLUICE_COUNT_TIMED_OUT,
	SLUICE_COUNT_WITHDRAWN,
	SLUICE_COUNT_EXPIRED,
	SLUICE_COUNT_UNANSWERED,
	SLUICE_COUNT_REMOVED,
	SLUICE_COUNT_STEERED,
	SLUICE_COUNT_ACL_REFUSED,
	SLUICE_COUNT_ACL_PROHIBITED,
	SLUICE_COUNT_DROP_ACL,
	SLUICE_COUNT_DROP_PARK_FULL,
	SLUICE_COUNT_DROP_CLIENT_FULL,
	SLUICE_COUNT_DROP_SOURCE_FULL,
	SLUICE_COUNT_DROP_NO_MEMORY,
	SLUICE_COUNT_DROP_MALFORMED,
	SLUICE_COUNT_DROP_SPOOFED,
	SLUICE_COUNT_DROP_RESET,
	SLUICE_COUNT_STRAY_RESET,
	SLUICE_COUNT_GATEWAY_ECHO,
	SLUICE_COUNT_GATEWAY_REFUSED,
	SLUICE_COUNT_TTL_EXCEEDED,
	SLUICE_COUNT_NOT_CARRIED,
	SLUICE_COUNT_DROP_LIMITED,
	SLUICE_COUNT_DROP_ERROR,
	SLUICE_COUNT_REPLY_FAILED,
	SLUICE_COUNT_RELEASE_FAILED,
	SLUICE_COUNT_PASSED_LINK,
	SLUICE_COUNT_BOUND,
	SLUICE_COUNT_HELD,
	SLUICE_COUNT_UNBOUND,
	SLUICE_COUNT_RELAYED,
	SLUICE_COUNT_ASSOCIATION_ERROR,
	SLUICE_COUNT_DISCARD_ANSWERED,
	SLUICE_COUNT_DROP_DISCARD,
	SLUICE_COUNT_DROP_HELD_FULL,
	SLUICE_COUNT_DROP_ASSOCIATION_FULL,
	SLUICE_COUNT_DROP_CLIENT_ASSOCIATION_FULL,
	SLUICE_COUNT_DROP_SOURCE_ASSOCIATION_FULL,
	SLUICE_COUNT_DROP_RELAY_FULL,
	__SLUICE_COUNT_MAX
};

#define SLUICE_A_COUNTER_FIRST_NETWORK SLUICE_A_COUNTER_PARKED

/* Counters kept for each namespace, in the order of their attributes. */
enum sluice_namespace_counter {
	SLUICE_NS_COUNT_DROP_NO_CLIENT,
	SLUICE_NS_COUNT_VERDICT_STALE,
	SLUICE_NS_COUNT_EVENTS,
	SLUICE_NS_COUNT_EVENTS_DEFERRED,
	SLUICE_NS_COUNT_CONTROLLER_LOST,
	SLUICE_NS_COUNT_ESP_RECEIVED,
	SLUICE_NS_COUNT_ESP_DELIVERED,
	SLUICE_NS_COUNT_ESP_DUMMY,
	SLUICE_NS_COUNT_ESP_KEEPALIVE,
	SLUICE_NS_COUNT_ESP_FOREIGN,
	SLUICE_NS_COUNT_ESP_DROP_SHORT,
	SLUICE_NS_COUNT_ESP_DROP_FOREIGN,
	SLUICE_NS_COUNT_ESP_DROP_DIRECTION,
	SLUICE_NS_COUNT_ESP_DROP_DEAD,
	SLUICE_NS_COUNT_ESP_DROP_NO_POOL,
	SLUICE_NS_COUNT_ESP_DROP_FRAGMENT,
	SLUICE_NS_COUNT_ESP_DROP_BANNED,
	SLUICE_NS_COUNT_ESP_DROP_INCARNATION,
	SLUICE_NS_COUNT_ESP_DROP_SEQUENCE,
	SLUICE_NS_COUNT_ESP_DROP_OLD,
	SLUICE_NS_COUNT_ESP_DROP_REPLAYED,
	SLUICE_NS_COUNT_ESP_DROP_LIMITED,
	SLUICE_NS_COUNT_ESP_DROP_MEMORY,
	SLUICE_NS_COUNT_ESP_DROP_AUTHENTICATION,
	SLUICE_NS_COUNT_ESP_DROP_PADDING,
	SLUICE_NS_COUNT_ESP_DROP_NEXT_HEADER,
	SLUICE_NS_COUNT_ESP_DROP_INNER,
	SLUICE_NS_COUNT_ESP_DROP_SPOOFED,
	SLUICE_NS_COUNT_ESP_DROP_ECN,
	SLUICE_NS_COUNT_ESP_SENT,
	SLUICE_NS_COUNT_ESP_SEND_NO_CLIENT,
	SLUICE_NS_COUNT_ESP_SEND_UNHEARD,
	SLUICE_NS_COUNT_ESP_SEND_EXHAUSTED,
	SLUICE_NS_COUNT_ESP_SEND_TOO_BIG,
	SLUICE_NS_COUNT_ESP_SEND_NO_ROUTE,
	SLUICE_NS_COUNT_ESP_SEND_MEMORY,
	SLUICE_NS_COUNT_ANOMALIES,
	SLUICE_NS_COUNT_ANOMALIES_LOST,
	SLUICE_NS_COUNT_POLICY_ANSWERED,
	SLUICE_NS_COUNT_POLICY_SHORT,
	SLUICE_NS_COUNT_POLICY_DROP_MALFORMED,
	SLUICE_NS_COUNT_POLICY_DROP_LIMITED,
	SLUICE_NS_COUNT_POLICY_DROP_MEMORY,
	__SLUICE_NS_COUNT_MAX
};

#define SLUICE_A_COUNTER_FIRST_NAMESPACE SLUICE_A_COUNTER_DROP_NO_CLIENT

/* For trace.h. */
#define sluice_show_namespace_counter(counter) __print_symbolic(counter, \
	{ SLUICE_NS_COUNT_DROP_NO_CLIENT, "drop-no-client" }, \
	{ SLUICE_NS_COUNT_VERDICT_STALE, "verdict-stale" }, \
	{ SLUICE_NS_COUNT_EVENTS, "events" }, \
	{ SLUICE_NS_COUNT_EVENTS_DEFERRED, "events-deferred" }, \
	{ SLUICE_NS_COUNT_CONTROLLER_LOST, "controller-lost" }, \
	{ SLUICE_NS_COUNT_ESP_RECEIVED, "esp-received" }, \
	{ SLUICE_NS_COUNT_ESP_DELIVERED, "esp-delivered" }, \
	{ SLUICE_NS_COUNT_ESP_DUMMY, "esp-dummy" }, \
	{ SLUICE_NS_COUNT_ESP_KEEPALIVE, "esp-keepalive" }, \
	{ SLUICE_NS_COUNT_ESP_FOREIGN, "esp-foreign" }, \
	{ SLUICE_NS_COUNT_ESP_DROP_SHORT, "esp-drop-short" }, \
	{ SLUICE_NS_COUNT_ESP_DROP_FOREIGN, "esp-drop-foreign" }, \
	{ SLUICE_NS_COUNT_ESP_DROP_DIRECTION, "esp-drop-direction" }, \
	{ SLUICE_NS_COUNT_ESP_DROP_DEAD, "esp-drop-dead" }, \
	{ SLUICE_NS_COUNT_ESP_DROP_NO_POOL, "esp-drop-no-pool" }, \
	{ SLUICE_NS_COUNT_ESP_DROP_FRAGMENT, "esp-drop-fragment" }, \
	{ SLUICE_NS_COUNT_ESP_DROP_BANNED, "esp-drop-banned" }, \
	{ SLUICE_NS_COUNT_ESP_DROP_INCARNATION, "esp-drop-incarnation" }, \
	{ SLUICE_NS_COUNT_ESP_DROP_SEQUENCE, "esp-drop-sequence" }, \
	{ SLUICE_NS_COUNT_ESP_DROP_OLD, "esp-drop-old" }, \
	{ SLUICE_NS_COUNT_ESP_DROP_REPLAYED, "esp-drop-replayed" }, \
	{ SLUICE_NS_COUNT_ESP_DROP_LIMITED, "esp-drop-limited" }, \
	{ SLUICE_NS_COUNT_ESP_DROP_MEMORY, "esp-drop-memory" }, \
	{ SLUICE_NS_COUNT_ESP_DROP_AUTHENTICATION, "esp-drop-authentication" }, \
	{ SLUICE_NS_COUNT_ESP_DROP_PADDING, "esp-drop-padding" }, \
	{ SLUICE_NS_COUNT_ESP_DROP_NEXT_HEADER, "esp-drop-next-header" }, \
	{ SLUICE_NS_COUNT_ESP_DROP_INNER, "esp-drop-inner" }, \
	{ SLUICE_NS_COUNT_ESP_DROP_SPOOFED, "esp-drop-spoofed" }, \
	{ SLUICE_NS_COUNT_ESP_DROP_ECN, "esp-drop-ecn" }, \
	{ SLUICE_NS_COUNT_ESP_SENT, "esp-sent" }, \
	{ SLUICE_NS_COUNT_ESP_SEND_NO_CLIENT, "esp-send-no-client" }, \
	{ SLUICE_NS_COUNT_ESP_SEND_UNHEARD, "esp-send-unheard" }, \
	{ SLUICE_NS_COUNT_ESP_SEND_EXHAUSTED, "esp-send-exhausted" }, \
	{ SLUICE_NS_COUNT_ESP_SEND_TOO_BIG, "esp-send-too-big" }, \
	{ SLUICE_NS_COUNT_ESP_SEND_NO_ROUTE, "esp-send-no-route" }, \
	{ SLUICE_NS_COUNT_ESP_SEND_MEMORY, "esp-send-memory" }, \
	{ SLUICE_NS_COUNT_ANOMALIES, "anomalies" }, \
	{ SLUICE_NS_COUNT_ANOMALIES_LOST, "anomalies-lost" }, \
	{ SLUICE_NS_COUNT_POLICY_ANSWERED, "policy-answered" }, \
	{ SLUICE_NS_COUNT_POLICY_SHORT, "policy-short" }, \
	{ SLUICE_NS_COUNT_POLICY_DROP_MALFORMED, "policy-drop-malformed" }, \
	{ SLUICE_NS_COUNT_POLICY_DROP_LIMITED, "policy-drop-limited" }, \
	{ SLUICE_NS_COUNT_POLICY_DROP_MEMORY, "policy-drop-memory" })

#endif /* _SLUICE_NETLINK_GEN_H */
