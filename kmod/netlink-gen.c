// SPDX-License-Identifier: GPL-2.0-only
/* Made from uapi/sluice.yaml by uapi/gen.py.  Do not edit. */

#include <net/genetlink.h>
#include <net/netlink.h>

#include "netlink-gen.h"

static struct netlink_range_validation sluice_network_park_timeout_range = {
	.min = 1000,
	.max = 600000,
};

static struct netlink_range_validation sluice_network_park_max_range = {
	.min = 1,
	.max = 1048576,
};

static struct netlink_range_validation sluice_network_park_client_max_range = {
	.min = 1,
	.max = 1048576,
};

static struct netlink_range_validation sluice_network_park_source_max_range = {
	.min = 1,
	.max = 1048576,
};

static struct netlink_range_validation sluice_network_association_max_range = {
	.min = 1,
	.max = 1048576,
};

static struct netlink_range_validation sluice_network_association_client_max_range = {
	.min = 1,
	.max = 1048576,
};

static struct netlink_range_validation sluice_network_association_source_max_range = {
	.min = 1,
	.max = 1048576,
};

static struct netlink_range_validation sluice_network_discard_time_range = {
	.min = 1000,
	.max = 600000,
};

static struct netlink_range_validation sluice_client_id_range = {
	.min = 1,
	.max = 2147483647,
};

static struct netlink_range_validation sluice_verdict_icmp_mtu_range = {
	.min = 68,
	.max = 65535,
};

static struct netlink_range_validation sluice_controller_credit_range = {
	.min = 1,
	.max = 65536,
};

static struct netlink_range_validation sluice_pool_first_range = {
	.min = 1,
	.max = 1048575,
};

static struct netlink_range_validation sluice_pool_last_range = {
	.min = 1,
	.max = 1048575,
};

static struct netlink_range_validation sluice_esp_unknown_rate_range = {
	.min = 1,
	.max = 10000000,
};

static struct netlink_range_validation sluice_generation_number_range = {
	.min = 1,
	.max = 4294967292,
};

static struct netlink_range_validation sluice_generation_lifetime_range = {
	.min = 1,
	.max = 86400,
};

static struct netlink_range_validation sluice_esp_client_id_range = {
	.min = 1,
	.max = 1048575,
};

static struct netlink_range_validation sluice_policy_rate_range = {
	.min = 1,
	.max = 10000000,
};

static struct netlink_range_validation sluice_policy_source_rate_range = {
	.min = 1,
	.max = 65535,
};

const struct nla_policy sluice_prefix_policy[SLUICE_A_PREFIX_MAX + 1] = {
	[SLUICE_A_PREFIX_ADDRESS] = NLA_POLICY_EXACT_LEN(16),
	[SLUICE_A_PREFIX_LENGTH] = NLA_POLICY_MAX(NLA_U8, 128),
};

const struct nla_policy sluice_rule_policy[SLUICE_A_RULE_MAX + 1] = {
	[SLUICE_A_RULE_ACTION] = NLA_POLICY_MAX(NLA_U8, __SLUICE_ACTION_COUNT - 1),
	[SLUICE_A_RULE_PROTOCOL] = NLA_POLICY_MIN(NLA_U8, 1),
	[SLUICE_A_RULE_PREFIX] = NLA_POLICY_NESTED(sluice_prefix_policy),
	[SLUICE_A_RULE_PORT_FIRST] = { .type = NLA_U16 },
	[SLUICE_A_RULE_PORT_LAST] = { .type = NLA_U16 },
};

const struct nla_policy sluice_verdict_policy[SLUICE_A_VERDICT_MAX + 1] = {
	[SLUICE_A_VERDICT_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[SLUICE_A_VERDICT_VERDICT] = NLA_POLICY_MAX(NLA_U8, __SLUICE_VERDICT_COUNT - 1),
	[SLUICE_A_VERDICT_ICMP_TYPE] = { .type = NLA_U8 },
	[SLUICE_A_VERDICT_ICMP_CODE] = { .type = NLA_U8 },
	[SLUICE_A_VERDICT_ICMP_SOURCE] = NLA_POLICY_EXACT_LEN(16),
	[SLUICE_A_VERDICT_ICMP_MTU] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_verdict_icmp_mtu_range),
	[SLUICE_A_VERDICT_TTL] = NLA_POLICY_MIN(NLA_U8, 1),
};

static const struct nla_policy sluice_network_get_policy[SLUICE_A_NETWORK_NAME + 1] = {
	[SLUICE_A_NETWORK_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
	[SLUICE_A_NETWORK_NAME] = { .type = NLA_NUL_STRING, .len = 15 },
};

static const struct nla_policy sluice_network_set_policy[SLUICE_A_NETWORK_DISCARD_TIME + 1] = {
	[SLUICE_A_NETWORK_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
	[SLUICE_A_NETWORK_NAME] = { .type = NLA_NUL_STRING, .len = 15 },
	[SLUICE_A_NETWORK_PARK_TIMEOUT] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_network_park_timeout_range),
	[SLUICE_A_NETWORK_PARK_MAX] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_network_park_max_range),
	[SLUICE_A_NETWORK_PARK_CLIENT_MAX] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_network_park_client_max_range),
	[SLUICE_A_NETWORK_PARK_SOURCE_MAX] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_network_park_source_max_range),
	[SLUICE_A_NETWORK_ASSOCIATION_MAX] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_network_association_max_range),
	[SLUICE_A_NETWORK_ASSOCIATION_CLIENT_MAX] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_network_association_client_max_range),
	[SLUICE_A_NETWORK_ASSOCIATION_SOURCE_MAX] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_network_association_source_max_range),
	[SLUICE_A_NETWORK_DISCARD_TIME] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_network_discard_time_range),
};

static const struct nla_policy sluice_client_new_policy[SLUICE_A_CLIENT_PREFIX + 1] = {
	[SLUICE_A_CLIENT_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_client_id_range),
	[SLUICE_A_CLIENT_NETWORK] = NLA_POLICY_MIN(NLA_U32, 1),
	[SLUICE_A_CLIENT_ACCESS] = NLA_POLICY_MIN(NLA_U32, 1),
	[SLUICE_A_CLIENT_PREFIX] = NLA_POLICY_NESTED(sluice_prefix_policy),
};

static const struct nla_policy sluice_client_del_policy[SLUICE_A_CLIENT_ID + 1] = {
	[SLUICE_A_CLIENT_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_client_id_range),
};

static const struct nla_policy sluice_client_get_policy[SLUICE_A_CLIENT_ID + 1] = {
	[SLUICE_A_CLIENT_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_client_id_range),
};

static const struct nla_policy sluice_acl_set_policy[SLUICE_A_ACL_RULE + 1] = {
	[SLUICE_A_ACL_NETWORK] = NLA_POLICY_MIN(NLA_U32, 1),
	[SLUICE_A_ACL_CLIENT] = NLA_POLICY_MIN(NLA_U32, 1),
	[SLUICE_A_ACL_RULE] = NLA_POLICY_NESTED(sluice_rule_policy),
};

static const struct nla_policy sluice_acl_get_policy[SLUICE_A_ACL_CLIENT + 1] = {
	[SLUICE_A_ACL_NETWORK] = NLA_POLICY_MIN(NLA_U32, 1),
	[SLUICE_A_ACL_CLIENT] = NLA_POLICY_MIN(NLA_U32, 1),
};

static const struct nla_policy sluice_acl_test_policy[SLUICE_A_ACL_PORT + 1] = {
	[SLUICE_A_ACL_SOURCE] = NLA_POLICY_EXACT_LEN(16),
	[SLUICE_A_ACL_DESTINATION] = NLA_POLICY_EXACT_LEN(16),
	[SLUICE_A_ACL_PROTOCOL] = { .type = NLA_U8 },
	[SLUICE_A_ACL_PORT] = { .type = NLA_U16 },
};

static const struct nla_policy sluice_controller_bind_policy[SLUICE_A_CONTROLLER_DATAGRAM_SOCKET + 1] = {
	[SLUICE_A_CONTROLLER_PROXY_PORT] = NLA_POLICY_MIN(NLA_U16, 1),
	[SLUICE_A_CONTROLLER_MARK] = { .type = NLA_U32 },
	[SLUICE_A_CONTROLLER_MARK_MASK] = NLA_POLICY_MIN(NLA_U32, 1),
	[SLUICE_A_CONTROLLER_CREDIT] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_controller_credit_range),
	[SLUICE_A_CONTROLLER_DATAGRAM_SOCKET] = { .type = NLA_U32 },
};

static const struct nla_policy sluice_controller_credit_policy[SLUICE_A_CONTROLLER_CREDIT + 1] = {
	[SLUICE_A_CONTROLLER_CREDIT] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_controller_credit_range),
};

static const struct nla_policy sluice_controller_verdict_policy[SLUICE_A_CONTROLLER_VERDICT + 1] = {
	[SLUICE_A_CONTROLLER_VERDICT] = NLA_POLICY_NESTED(sluice_verdict_policy),
};

static const struct nla_policy sluice_pool_new_policy[SLUICE_A_POOL_HOST + 1] = {
	[SLUICE_A_POOL_NETWORK] = NLA_POLICY_MIN(NLA_U32, 1),
	[SLUICE_A_POOL_FIRST] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_pool_first_range),
	[SLUICE_A_POOL_LAST] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_pool_last_range),
	[SLUICE_A_POOL_BASE_IPV4] = NLA_POLICY_EXACT_LEN(16),
	[SLUICE_A_POOL_BASE_IPV6] = NLA_POLICY_EXACT_LEN(16),
	[SLUICE_A_POOL_HOST] = NLA_POLICY_MAX(NLA_U8, 1),
};

static const struct nla_policy sluice_pool_del_policy[SLUICE_A_POOL_FIRST + 1] = {
	[SLUICE_A_POOL_FIRST] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_pool_first_range),
};

static const struct nla_policy sluice_esp_set_policy[SLUICE_A_ESP_UNKNOWN_RATE + 1] = {
	[SLUICE_A_ESP_UDP_PORT] = { .type = NLA_U16 },
	[SLUICE_A_ESP_SOURCE_IPV4] = NLA_POLICY_EXACT_LEN(16),
	[SLUICE_A_ESP_SOURCE_IPV6] = NLA_POLICY_EXACT_LEN(16),
	[SLUICE_A_ESP_UNKNOWN_RATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_esp_unknown_rate_range),
};

const struct nla_policy sluice_generation_new_policy[SLUICE_A_GENERATION_LIFETIME + 1] = {
	[SLUICE_A_GENERATION_NUMBER] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_generation_number_range),
	[SLUICE_A_GENERATION_ALGORITHM] = NLA_POLICY_MAX(NLA_U8, __SLUICE_ALGORITHM_COUNT - 1),
	[SLUICE_A_GENERATION_MASTER_KEY] = NLA_POLICY_EXACT_LEN(32),
	[SLUICE_A_GENERATION_LIFETIME] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_generation_lifetime_range),
};

static const struct nla_policy sluice_generation_promote_policy[SLUICE_A_GENERATION_OVERLAP + 1] = {
	[SLUICE_A_GENERATION_NUMBER] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_generation_number_range),
	[SLUICE_A_GENERATION_OVERLAP] = NLA_POLICY_RANGE(NLA_U32, 1, 600),
};

static const struct nla_policy sluice_generation_del_policy[SLUICE_A_GENERATION_NUMBER + 1] = {
	[SLUICE_A_GENERATION_NUMBER] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_generation_number_range),
};

static const struct nla_policy sluice_esp_client_set_policy[SLUICE_A_ESP_CLIENT_BANNED + 1] = {
	[SLUICE_A_ESP_CLIENT_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_esp_client_id_range),
	[SLUICE_A_ESP_CLIENT_GENERATION] = NLA_POLICY_MIN(NLA_U32, 1),
	[SLUICE_A_ESP_CLIENT_INCARNATION_MIN] = NLA_POLICY_MAX(NLA_U16, 512),
	[SLUICE_A_ESP_CLIENT_BANNED] = NLA_POLICY_MAX(NLA_U8, 1),
};

static const struct nla_policy sluice_esp_client_get_policy[SLUICE_A_ESP_CLIENT_GENERATION + 1] = {
	[SLUICE_A_ESP_CLIENT_ID] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_esp_client_id_range),
	[SLUICE_A_ESP_CLIENT_GENERATION] = NLA_POLICY_MIN(NLA_U32, 1),
};

static const struct nla_policy sluice_policy_set_policy[SLUICE_A_POLICY_SOURCE_RATE + 1] = {
	[SLUICE_A_POLICY_PORT] = { .type = NLA_U16 },
	[SLUICE_A_POLICY_BLOB] = NLA_POLICY_RANGE(NLA_BINARY, 1, 1200),
	[SLUICE_A_POLICY_RATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_policy_rate_range),
	[SLUICE_A_POLICY_SOURCE_RATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &sluice_policy_source_rate_range),
};

/* Any attributes: who parses them is called with whatever came. */
static const struct nla_policy sluice_anything[] = {
	[1 ... 255] = { .type = NLA_BINARY },
};

const struct genl_ops sluice_netlink_ops[] = {
	{
		.cmd		= SLUICE_CMD_NETWORK_GET,
		.doit		= sluice_netlink_network_get,
		.dumpit		= sluice_netlink_network_get_dump,
		.policy		= sluice_network_get_policy,
		.maxattr	= SLUICE_A_NETWORK_NAME,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_NETWORK_SET,
		.doit		= sluice_netlink_network_set,
		.policy		= sluice_network_set_policy,
		.maxattr	= SLUICE_A_NETWORK_DISCARD_TIME,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_CLIENT_NEW,
		.doit		= sluice_netlink_client_new,
		.policy		= sluice_client_new_policy,
		.maxattr	= SLUICE_A_CLIENT_PREFIX,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_CLIENT_DEL,
		.doit		= sluice_netlink_client_del,
		.policy		= sluice_client_del_policy,
		.maxattr	= SLUICE_A_CLIENT_ID,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_CLIENT_GET,
		.doit		= sluice_netlink_client_get,
		.dumpit		= sluice_netlink_client_get_dump,
		.policy		= sluice_client_get_policy,
		.maxattr	= SLUICE_A_CLIENT_ID,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_ACL_SET,
		.doit		= sluice_netlink_acl_set,
		.policy		= sluice_acl_set_policy,
		.maxattr	= SLUICE_A_ACL_RULE,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_ACL_GET,
		.dumpit		= sluice_netlink_acl_get_dump,
		.policy		= sluice_acl_get_policy,
		.maxattr	= SLUICE_A_ACL_CLIENT,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_ACL_TEST,
		.doit		= sluice_netlink_acl_test,
		.policy		= sluice_acl_test_policy,
		.maxattr	= SLUICE_A_ACL_PORT,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_PARKED_GET,
		.dumpit		= sluice_netlink_parked_get_dump,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_COUNTER_GET,
		.dumpit		= sluice_netlink_counter_get_dump,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_CONTROLLER_BIND,
		.doit		= sluice_netlink_controller_bind,
		.policy		= sluice_controller_bind_policy,
		.maxattr	= SLUICE_A_CONTROLLER_DATAGRAM_SOCKET,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_CONTROLLER_GET,
		.doit		= sluice_netlink_controller_get,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_CONTROLLER_CREDIT,
		.doit		= sluice_netlink_controller_credit,
		.policy		= sluice_controller_credit_policy,
		.maxattr	= SLUICE_A_CONTROLLER_CREDIT,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_CONTROLLER_VERDICT,
		.doit		= sluice_netlink_controller_verdict,
		.policy		= sluice_controller_verdict_policy,
		.maxattr	= SLUICE_A_CONTROLLER_VERDICT,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_POOL_NEW,
		.doit		= sluice_netlink_pool_new,
		.policy		= sluice_pool_new_policy,
		.maxattr	= SLUICE_A_POOL_HOST,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_POOL_DEL,
		.doit		= sluice_netlink_pool_del,
		.policy		= sluice_pool_del_policy,
		.maxattr	= SLUICE_A_POOL_FIRST,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_POOL_GET,
		.dumpit		= sluice_netlink_pool_get_dump,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_ESP_SET,
		.doit		= sluice_netlink_esp_set,
		.policy		= sluice_esp_set_policy,
		.maxattr	= SLUICE_A_ESP_UNKNOWN_RATE,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_ESP_GET,
		.doit		= sluice_netlink_esp_get,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_GENERATION_NEW,
		.doit		= sluice_netlink_generation_new,
		.policy		= sluice_anything,
		.maxattr	= ARRAY_SIZE(sluice_anything) - 1,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_GENERATION_PROMOTE,
		.doit		= sluice_netlink_generation_promote,
		.policy		= sluice_generation_promote_policy,
		.maxattr	= SLUICE_A_GENERATION_OVERLAP,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_GENERATION_DEL,
		.doit		= sluice_netlink_generation_del,
		.policy		= sluice_generation_del_policy,
		.maxattr	= SLUICE_A_GENERATION_NUMBER,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_GENERATION_GET,
		.dumpit		= sluice_netlink_generation_get_dump,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_ESP_CLIENT_SET,
		.doit		= sluice_netlink_esp_client_set,
		.policy		= sluice_esp_client_set_policy,
		.maxattr	= SLUICE_A_ESP_CLIENT_BANNED,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_ESP_CLIENT_GET,
		.dumpit		= sluice_netlink_esp_client_get_dump,
		.policy		= sluice_esp_client_get_policy,
		.maxattr	= SLUICE_A_ESP_CLIENT_GENERATION,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_POLICY_SET,
		.doit		= sluice_netlink_policy_set,
		.policy		= sluice_policy_set_policy,
		.maxattr	= SLUICE_A_POLICY_SOURCE_RATE,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd		= SLUICE_CMD_POLICY_GET,
		.doit		= sluice_netlink_policy_get,
		.flags		= GENL_UNS_ADMIN_PERM,
	},
};

const unsigned int sluice_netlink_ops_count = ARRAY_SIZE(sluice_netlink_ops);
