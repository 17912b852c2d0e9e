// SPDX-License-Identifier: Apache-2.0
//
// Socket: a generic netlink socket on the family "sluice", for requests that wait for their answer.
// ControllerSocket: the one that sluiced binds as the controller; it is non-blocking and its fd goes into an event
// loop.  Both ask the kernel for extended, capped acknowledgements and strict checks.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "netlink/handle.hpp"
#include "netlink/master_key.hpp"
#include "netlink/message.hpp"
#include "netlink/types.hpp"

namespace sluice::netlink {

class Socket {
 public:
  // ENOENT: the family is not there, because the module is not loaded.
  static Result<Socket> open();

  Result<Network> network(const std::string& name);
  Result<std::vector<Network>> networks();
  Result<void> set_network(std::uint32_t ifindex, const NetworkLimits& limits);
  Result<void> new_client(const Client& client);
  Result<void> delete_client(std::uint32_t id);
  Result<std::vector<Client>> clients();
  Result<void> set_acl(const Acl& acl);
  Result<Acl> acl(const AclOwner& owner);
  Result<AclDecision> test_acl(const AclQuestion& question);
  Result<std::vector<Parked>> parked();
  Result<std::vector<Counters>> counters();
  Result<Controller> controller();
  Result<void> new_pool(const Pool& pool);
  Result<void> delete_pool(std::uint32_t first);
  Result<std::vector<Pool>> pools();
  Result<void> set_esp(const EspChange& change);
  Result<Esp> esp();
  Result<void> set_policy(const PolicyChange& change);
  Result<Policy> policy();
  Result<void> new_generation(const NewGeneration& generation);
  Result<void> promote_generation(std::uint32_t number, std::optional<std::chrono::seconds> overlap);
  Result<void> delete_generation(std::uint32_t number);
  Result<std::vector<Generation>> generations();
  Result<void> set_esp_client(const EspClientChange& change);
  Result<std::vector<EspClient>> esp_clients(std::optional<std::uint32_t> id);

 private:
  friend class ControllerSocket;
  using Visit = std::function<Result<void>(Bytes attributes)>;

  Socket(UniqueNlSock socket, int family) : socket_(std::move(socket)), family_(family) {}

  Result<void> send(Message& message, int flags);
  // Sends *message* and calls *visit* for every reply until the kernel has acknowledged or ended its dump.
  Result<void> request(Message message, const Visit& visit);
  template <class T>
  Result<std::vector<T>> dump(const std::function<Message()>& build, Result<T> (*parse)(Bytes));
  template <class T>
  Result<T> get(Message message, Result<T> (*parse)(Bytes));

  UniqueNlSock socket_;
  int family_;
  std::vector<std::byte> buffer_;
};

class ControllerSocket {
 public:
  static Result<ControllerSocket> open();

  // Becomes the controller.  EBUSY: another socket is.  Waits for the kernel's answer; events that come with it
  // are kept for the next receive().
  Result<void> bind(const Controller& controller);

  // Never waits.  What has come in since the last call; nothing is an empty result.  Errors that answer an
  // earlier grant() or send() go to *on_error*, as they concern that message alone.  An error result means
  // that the socket is of no more use.
  Result<Events> receive(const std::function<void(const Error&)>& on_error);

  Result<void> grant(std::uint32_t credit);
  // Any number of answers; several messages if the contract's limit asks for it.
  Result<void> send(std::span<const Answer> answers);

  [[nodiscard]] int fd() const { return nl_socket_get_fd(socket_.socket_.get()); }

 private:
  explicit ControllerSocket(Socket socket) : socket_(std::move(socket)) {}

  Socket socket_;
  Events early_;
};

}  // namespace sluice::netlink
