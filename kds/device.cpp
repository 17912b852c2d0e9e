// SPDX-License-Identifier: Apache-2.0
#include "kds/device.hpp"

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "kds/audit.hpp"
#include "tls/peer.hpp"

namespace sluice::kds {
namespace {

constexpr std::size_t most_roles = 64;
constexpr std::size_t fingerprint_size = 32;
constexpr std::size_t most_attestation_key = 4096;

std::string subject(const std::string& device) { return "device/" + device; }

Result<void> check_roles(const std::vector<std::string>& roles) {
  if (roles.size() > most_roles) return Error{"a device has " + std::to_string(most_roles) + " roles at most", EINVAL};
  for (const std::string& role : roles) {
    if (!tls::is_name(role))
      return Error{"'" + role.substr(0, 64) + "' is no role: letters, digits, '.', '_' and '-', at most 63", EINVAL};
  }
  return {};
}

Result<void> check_key(const Bytes& key) {
  if (key.size() > most_attestation_key) return Error{"an attestation key has 4096 bytes at most", EINVAL};
  return {};
}

/// Tells each gateway where the device has an id.
void tell(Transaction& transaction, const std::string& device, Update::Kind kind, Touched& touched) {
  for (const Membership& membership : transaction.memberships_of(device)) {
    std::optional<Gateway> gateway = transaction.gateway(membership.gateway);
    if (!gateway) continue;
    Update update;
    update.kind = kind;
    update.id = membership.id;
    append(transaction, *gateway, update);
    touched.insert(membership.gateway);
  }
}

}  // namespace

std::size_t revoke_keys(Transaction& transaction, const std::string& device, Touched& touched) {
  std::size_t count = 0;
  // Whoever took the key could get another one by what was shown before (A5).
  transaction.remove_attestation(device);
  for (const Membership& membership : transaction.memberships_of(device))
    count += revoke_id(transaction, membership.gateway, membership.id, touched);
  return count;
}

void ban_device(Transaction& transaction, Device& device, Touched& touched) {
  device.banned = true;
  transaction.put(device);
  revoke_keys(transaction, device.name, touched);
  tell(transaction, device.name, Update::Kind::ban, touched);
}

Result<Touched> Devices::with(const std::string& name, const Change& change) {
  Touched touched;
  Result<void> done = store_.transact([&](Transaction& transaction) -> Result<void> {
    touched.clear();
    std::optional<Device> device = transaction.device(name);
    if (!device) return Error{"no device '" + name.substr(0, 64) + "' is enrolled", ENOENT};
    return change(transaction, *device, touched);
  });
  if (!done) return done.error();
  return touched;
}

Result<void> Devices::enrol(const Device& device, const std::string& actor, Time now) {
  if (!tls::is_name(device.name))
    return Error{"'" + device.name.substr(0, 64) + "' is no name: letters, digits, '.', '_' and '-', at most 63",
                 EINVAL};
  if (Result<void> good = check_roles(device.roles); !good) return good;
  if (device.fingerprint && device.fingerprint->size() != fingerprint_size)
    return Error{"the fingerprint of a certificate is a SHA-256, 32 bytes", EINVAL};
  if (device.attestation_key) {
    if (Result<void> good = check_key(*device.attestation_key); !good) return good;
  }
  return store_.transact([&](Transaction& transaction) -> Result<void> {
    if (transaction.device(device.name)) return Error{"device '" + device.name + "' is enrolled already", EEXIST};
    transaction.put(device);
    audit(transaction, now, actor, "enrol", subject(device.name), "enrolled",
          {{"roles", device.roles}, {"attestation_key", device.attestation_key.has_value()}});
    return {};
  });
}

Result<Touched> Devices::change(const std::string& name, const DeviceChange& change, const std::string& actor,
                                Time now) {
  if (change.roles) {
    if (Result<void> good = check_roles(*change.roles); !good) return good.error();
  }
  if (change.attestation_key) {
    if (Result<void> good = check_key(*change.attestation_key); !good) return good.error();
  }
  return with(name, [&](Transaction& transaction, Device& device, Touched& touched) -> Result<void> {
    nlohmann::json detail = nlohmann::json::object();
    if (change.roles) detail["roles"] = device.roles = *change.roles;
    if (change.enabled) detail["enabled"] = device.enabled = *change.enabled;
    const Device before = device;
    if (change.attestation_key) {
      device.attestation_key = change.attestation_key;
      if (device.attestation_key->empty()) device.attestation_key.reset();
      if (device.attestation_key != before.attestation_key) device.pcrs.clear();
      detail["attestation_key"] = device.attestation_key ? "enrolled" : "removed";
    }
    if (change.pcrs) device.pcrs = *change.pcrs;
    if (device.pcrs != before.pcrs) {
      detail["pcrs"] = nlohmann::json::array();
      for (const auto& [number, value] : device.pcrs) detail["pcrs"].push_back(number);
    }
    // What was quoted by another key, or of other values, says nothing of the device as it has to be now.
    if (device.attestation_key != before.attestation_key || device.pcrs != before.pcrs)
      transaction.remove_attestation(name);
    transaction.put(device);
    if (!device.enabled) revoke_keys(transaction, name, touched);
    audit(transaction, now, actor, "change", subject(name), "changed", detail);
    return {};
  });
}

Result<Touched> Devices::revoke(const std::string& name, const std::string& actor, Time now) {
  return with(name, [&](Transaction& transaction, Device&, Touched& touched) -> Result<void> {
    const std::size_t count = revoke_keys(transaction, name, touched);
    audit(transaction, now, actor, "revoke", subject(name), "revoked", {{"keys", count}});
    return {};
  });
}

Result<Touched> Devices::ban(const std::string& name, const std::string& actor, Time now) {
  return with(name, [&](Transaction& transaction, Device& device, Touched& touched) -> Result<void> {
    ban_device(transaction, device, touched);
    audit(transaction, now, actor, "ban", subject(name), "banned", nlohmann::json::object());
    return {};
  });
}

Result<Touched> Devices::unban(const std::string& name, const std::string& actor, Time now) {
  return with(name, [&](Transaction& transaction, Device& device, Touched& touched) -> Result<void> {
    device.banned = false;
    device.offence.reset();
    transaction.put(device);
    tell(transaction, name, Update::Kind::unban, touched);
    audit(transaction, now, actor, "unban", subject(name), "unbanned", nlohmann::json::object());
    return {};
  });
}

Result<Touched> Devices::forget(const std::string& name, const std::string& actor, Time now) {
  return with(name, [&](Transaction& transaction, Device& device, Touched& touched) -> Result<void> {
    revoke_keys(transaction, name, touched);
    // Who gets the id next is not banned.
    if (device.banned) tell(transaction, name, Update::Kind::unban, touched);
    for (const Membership& membership : transaction.memberships_of(name)) {
      transaction.remove(membership);
      transaction.freed_id(membership.gateway, membership.id);
    }
    transaction.remove_device(name);
    audit(transaction, now, actor, "forget", subject(name), "forgotten", nlohmann::json::object());
    return {};
  });
}

}  // namespace sluice::kds
