// SPDX-License-Identifier: Apache-2.0
//
// Requests: values in, messages out.  Pure.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "netlink/master_key.hpp"
#include "netlink/message.hpp"
#include "netlink/types.hpp"

namespace sluice::netlink {

Message get_network(const std::string& name);
Message dump_networks();
Message set_network(std::uint32_t ifindex, const NetworkLimits& limits);
Message new_client(const Client& client);
Message delete_client(std::uint32_t id);
Message dump_clients();
Message set_acl(const Acl& acl);
Message dump_acl(const AclOwner& owner);
Message test_acl(const AclQuestion& question);
Message dump_parked();
Message dump_counters();
Message bind_controller(const Controller& controller);
Message get_controller();
Message grant_credit(std::uint32_t credit);
Message send_verdicts(std::span<const Answer> answers);
Message new_pool(const Pool& pool);
Message delete_pool(std::uint32_t first);
Message dump_pools();
Message set_esp(const EspChange& change);
Message get_esp();
// The message wipes the key in it at its end.
Message new_generation(const NewGeneration& generation);
Message promote_generation(std::uint32_t number, std::optional<std::chrono::seconds> overlap);
Message delete_generation(std::uint32_t number);
Message dump_generations();
Message set_esp_client(const EspClientChange& change);
// All, or with an id that one alone.
Message dump_esp_clients(std::optional<std::uint32_t> id);
Message set_policy(const PolicyChange& change);
Message get_policy();

// The most verdicts that one message may carry, by the contract.
inline constexpr std::size_t max_verdicts = 1024;

// For the tests of the parsers, which read what only the kernel sends.
void put_parked(Message& message, std::uint16_t attribute, const Parked& parked);
void put_withdrawn(Message& message, std::uint16_t attribute, const Withdrawn& withdrawn);
void put_generation(Message& message, const Generation& generation);
void put_esp(Message& message, const Esp& esp);
void put_esp_client(Message& message, const EspClient& client);
void put_anomaly(Message& message, const Anomaly& anomaly);

}  // namespace sluice::netlink
