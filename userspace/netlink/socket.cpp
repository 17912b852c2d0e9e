// SPDX-License-Identifier: Apache-2.0
#include "netlink/socket.hpp"

#include <linux/genetlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <sys/socket.h>

#include <cerrno>

#include "netlink/build.hpp"
#include "netlink/parse.hpp"

namespace sluice::netlink {
namespace {

// The largest message of the kernel is an ACL of 1024 rules, about 70 KiB.
constexpr std::size_t receive_size = 256 * 1024;

// An announcement of 256 SYNs (our credit) and the withdrawals that may follow it; socket memory is counted
// with its bookkeeping, so far more than their bytes.
constexpr int controller_buffer = 4 * 1024 * 1024;

struct Header {
  nlmsghdr netlink{};
  std::uint8_t command = 0;
  Bytes message;
  Bytes attributes;
};

// Calls visit(header) for each message of *buffer* until it returns false.
template <class Visit>
Result<void> for_each_message(Bytes buffer, Visit visit) {
  while (buffer.size() >= NLMSG_HDRLEN) {
    Header header;
    std::memcpy(&header.netlink, buffer.data(), sizeof header.netlink);
    const std::size_t length = header.netlink.nlmsg_len;
    if (length < NLMSG_HDRLEN || length > buffer.size()) break;
    header.message = buffer.first(length);
    if (length >= NLMSG_HDRLEN + GENL_HDRLEN) {
      header.command = static_cast<std::uint8_t>(buffer[NLMSG_HDRLEN]);
      header.attributes = header.message.subspan(NLMSG_HDRLEN + GENL_HDRLEN);
    }
    if (!visit(header)) return {};
    buffer = buffer.subspan(std::min<std::size_t>(NLMSG_ALIGN(length), buffer.size()));
  }
  if (!buffer.empty()) return Error{"a damaged netlink message came in", EBADMSG};
  return {};
}

// Does the kernel's registry of families say that ours is gone?  With it goes who the controller is: a module that is
// loaded again knows nothing of this socket.
bool is_end_of_family(const Header& header) {
  if (header.netlink.nlmsg_type != GENL_ID_CTRL || header.command != CTRL_CMD_DELFAMILY) return false;
  auto* const message = reinterpret_cast<nlmsghdr*>(const_cast<std::byte*>(header.message.data()));  // NOLINT
  const nlattr* name = nlmsg_find_attr(message, GENL_HDRLEN, CTRL_ATTR_FAMILY_NAME);
  return name != nullptr && nla_strcmp(name, SLUICE_GENL_NAME) == 0;
}

Error family_ended() { return {"the module was removed", ENODEV}; }

// One datagram of the kernel's.  Zero bytes: nothing there (MSG_DONTWAIT).
Result<std::size_t> receive_datagram(int fd, std::span<std::byte> buffer, int flags) {
  for (;;) {
    sockaddr_nl sender{};
    iovec part{buffer.data(), buffer.size()};
    msghdr header{};
    header.msg_name = &sender;
    header.msg_namelen = sizeof sender;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    const ssize_t size = ::recvmsg(fd, &header, flags);
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return std::size_t{0};
      // The kernel keeps events that found the socket full; what is lost is at most an acknowledgement.
      if (errno == ENOBUFS && (flags & MSG_DONTWAIT)) continue;
      return system_error("netlink", errno);
    }
    if (header.msg_flags & MSG_TRUNC) return Error{"a netlink message is larger than expected", EMSGSIZE};
    if (sender.nl_pid == 0) return static_cast<std::size_t>(size);  // anything else is another process, not the kernel
  }
}

void set_option(nl_sock* socket, int option) {
  // Old kernels may not know one; the answers are then less precise, and nothing else changes.
  const int on = 1;
  ::setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, option, &on, sizeof on);
}

}  // namespace

Result<Socket> Socket::open() {
  UniqueNlSock socket(nl_socket_alloc());
  if (!socket) return Error{"out of memory", ENOMEM};
  if (const int failure = genl_connect(socket.get()); failure < 0)
    return Error{std::string("netlink: ") + nl_geterror(failure), EPROTO};
  const int family = genl_ctrl_resolve(socket.get(), SLUICE_GENL_NAME);
  if (family < 0) return Error{"the kernel does not know the netlink family \"sluice\": is sluice.ko loaded?", ENOENT};
  nl_socket_disable_auto_ack(socket.get());
  set_option(socket.get(), NETLINK_EXT_ACK);
  set_option(socket.get(), NETLINK_CAP_ACK);
  set_option(socket.get(), NETLINK_GET_STRICT_CHK);
  return Socket(std::move(socket), family);
}

Result<void> Socket::send(Message& message, int flags) {
  if (!message.fits()) return Error{"the request is too long for one netlink message", EMSGSIZE};
  message.header()->nlmsg_type = static_cast<std::uint16_t>(family_);
  message.header()->nlmsg_flags |= static_cast<std::uint16_t>(flags);
  nl_complete_msg(socket_.get(), message.get());
  // Not nl_send(): it turns errno into libnl's own coarser numbers.
  const Bytes bytes = message.bytes();
  for (;;) {
    if (::send(nl_socket_get_fd(socket_.get()), bytes.data(), bytes.size(), 0) >= 0) return {};
    if (errno != EINTR) return system_error("netlink", errno);
  }
}

Result<void> Socket::request(Message message, const Visit& visit) {
  if (auto sent = send(message, NLM_F_ACK); !sent) return sent;
  const std::uint32_t sequence = message.header()->nlmsg_seq;
  buffer_.resize(receive_size);
  bool done = false;
  bool interrupted = false;
  Result<void> outcome;
  while (!done) {
    auto size = receive_datagram(nl_socket_get_fd(socket_.get()), buffer_, 0);
    if (!size) return size.error();
    auto walked = for_each_message(Bytes{buffer_}.first(*size), [&](const Header& header) {
      if (header.netlink.nlmsg_seq != sequence) return true;  // the rest of an earlier, abandoned answer
      if (header.netlink.nlmsg_flags & NLM_F_DUMP_INTR) interrupted = true;
      if (header.netlink.nlmsg_type == NLMSG_ERROR || header.netlink.nlmsg_type == NLMSG_DONE) {
        done = true;
        if (auto said = parse_acknowledgement(header.message, message.bytes()); !said) outcome = said;
        return false;
      }
      if (visit && outcome.ok())
        if (auto visited = visit(header.attributes); !visited) outcome = visited;
      return true;
    });
    if (!walked) return walked;
  }
  if (interrupted && outcome.ok()) return Error{"the list changed while it was read", EINTR};
  return outcome;
}

template <class T>
Result<std::vector<T>> Socket::dump(const std::function<Message()>& build, Result<T> (*parse)(Bytes)) {
  // A list that changes under the reader is read again; one that never rests is shown as it came.
  for (int attempt = 0;; ++attempt) {
    std::vector<T> all;
    auto done = request(build(), [&](Bytes attributes) -> Result<void> {
      auto one = parse(attributes);
      if (!one) return one.error();
      all.push_back(*std::move(one));
      return {};
    });
    if (done || (done.error().number == EINTR && attempt == 3)) return all;
    if (done.error().number != EINTR) return done.error();
  }
}

template <class T>
Result<T> Socket::get(Message message, Result<T> (*parse)(Bytes)) {
  std::optional<T> found;
  auto done = request(std::move(message), [&](Bytes attributes) -> Result<void> {
    auto one = parse(attributes);
    if (!one) return one.error();
    found = *std::move(one);
    return {};
  });
  if (!done) return done.error();
  if (!found) return Error{"the kernel sent no answer", EBADMSG};
  return *std::move(found);
}

Result<Network> Socket::network(const std::string& name) { return get<Network>(get_network(name), parse_network); }
Result<std::vector<Network>> Socket::networks() { return dump<Network>(dump_networks, parse_network); }
Result<void> Socket::set_network(std::uint32_t ifindex, const NetworkLimits& limits) {
  return request(netlink::set_network(ifindex, limits), nullptr);
}
Result<void> Socket::new_client(const Client& client) { return request(netlink::new_client(client), nullptr); }
Result<void> Socket::delete_client(std::uint32_t id) { return request(netlink::delete_client(id), nullptr); }
Result<std::vector<Client>> Socket::clients() { return dump<Client>(dump_clients, parse_client); }
Result<void> Socket::set_acl(const Acl& acl) { return request(netlink::set_acl(acl), nullptr); }
Result<Acl> Socket::acl(const AclOwner& owner) {
  // A long list comes in parts, an empty one in none.
  auto parts = dump<Acl>([&] { return dump_acl(owner); }, parse_acl);
  if (!parts) return parts.error();
  Acl whole{owner, {}};
  for (const Acl& part : *parts) whole.rules.insert(whole.rules.end(), part.rules.begin(), part.rules.end());
  return whole;
}
Result<AclDecision> Socket::test_acl(const AclQuestion& question) {
  return get<AclDecision>(netlink::test_acl(question), parse_acl_decision);
}
Result<std::vector<Parked>> Socket::parked() { return dump<Parked>(dump_parked, parse_parked); }
Result<std::vector<Counters>> Socket::counters() { return dump<Counters>(dump_counters, parse_counters); }
Result<Controller> Socket::controller() { return get<Controller>(get_controller(), parse_controller); }
Result<void> Socket::new_pool(const Pool& pool) { return request(netlink::new_pool(pool), nullptr); }
Result<void> Socket::delete_pool(std::uint32_t first) { return request(netlink::delete_pool(first), nullptr); }
Result<std::vector<Pool>> Socket::pools() { return dump<Pool>(dump_pools, parse_pool); }
Result<void> Socket::set_esp(const EspChange& change) { return request(netlink::set_esp(change), nullptr); }
Result<Esp> Socket::esp() { return get<Esp>(get_esp(), parse_esp); }
Result<void> Socket::set_policy(const PolicyChange& change) { return request(netlink::set_policy(change), nullptr); }
Result<Policy> Socket::policy() { return get<Policy>(get_policy(), parse_policy); }
Result<void> Socket::new_generation(const NewGeneration& generation) {
  return request(netlink::new_generation(generation), nullptr);
}
Result<void> Socket::promote_generation(std::uint32_t number, std::optional<std::chrono::seconds> overlap) {
  return request(netlink::promote_generation(number, overlap), nullptr);
}
Result<void> Socket::delete_generation(std::uint32_t number) {
  return request(netlink::delete_generation(number), nullptr);
}
Result<std::vector<Generation>> Socket::generations() { return dump<Generation>(dump_generations, parse_generation); }
Result<void> Socket::set_esp_client(const EspClientChange& change) {
  return request(netlink::set_esp_client(change), nullptr);
}
Result<std::vector<EspClient>> Socket::esp_clients(std::optional<std::uint32_t> id) {
  return dump<EspClient>([&] { return dump_esp_clients(id); }, parse_esp_client);
}

Result<ControllerSocket> ControllerSocket::open() {
  auto socket = Socket::open();
  if (!socket) return socket.error();
  const int fd = nl_socket_get_fd(socket->socket_.get());
  // FORCE needs CAP_NET_ADMIN, which the controller has, and passes net.core.rmem_max.
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &controller_buffer, sizeof controller_buffer) < 0)
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &controller_buffer, sizeof controller_buffer);
  const int registry = genl_ctrl_resolve_grp(socket->socket_.get(), "nlctrl", "notify");
  if (registry < 0 || nl_socket_add_membership(socket->socket_.get(), registry) < 0)
    return Error{"netlink: the kernel does not tell of families that end", EPROTO};
  socket->buffer_.resize(receive_size);
  return ControllerSocket(*std::move(socket));
}

Result<void> ControllerSocket::bind(const Controller& controller) {
  Message message = bind_controller(controller);
  if (auto sent = socket_.send(message, NLM_F_ACK); !sent) return sent;
  for (;;) {
    auto size = receive_datagram(fd(), socket_.buffer_, 0);
    if (!size) return size.error();
    bool answered = false;
    Result<void> outcome;
    auto walked = for_each_message(Bytes{socket_.buffer_}.first(*size), [&](const Header& header) {
      if (header.netlink.nlmsg_type == NLMSG_ERROR) {
        answered = true;
        outcome = parse_acknowledgement(header.message, message.bytes());
      } else if (header.netlink.nlmsg_type == GENL_ID_CTRL) {
        if (is_end_of_family(header)) outcome = family_ended();
      } else if (auto parsed = parse_events(header.command, header.attributes, early_); !parsed) {
        outcome = parsed;
      }
      return true;
    });
    if (!walked) return walked;
    if (answered || !outcome) return outcome;
  }
}

Result<Events> ControllerSocket::receive(const std::function<void(const Error&)>& on_error) {
  Events events = std::exchange(early_, {});
  // Bounded by the credit: the kernel announces no more than that.
  for (;;) {
    auto size = receive_datagram(fd(), socket_.buffer_, MSG_DONTWAIT);
    if (!size) return size.error();
    if (*size == 0) return events;
    bool ended = false;
    auto walked = for_each_message(Bytes{socket_.buffer_}.first(*size), [&](const Header& header) {
      if (header.netlink.nlmsg_type == GENL_ID_CTRL) {
        ended = ended || is_end_of_family(header);
        return true;
      }
      auto parsed = header.netlink.nlmsg_type == NLMSG_ERROR ? parse_acknowledgement(header.message, {})
                                                             : parse_events(header.command, header.attributes, events);
      if (!parsed) on_error(parsed.error());
      return true;
    });
    if (!walked) on_error(walked.error());
    if (ended) return family_ended();
  }
}

Result<void> ControllerSocket::grant(std::uint32_t credit) {
  Message message = grant_credit(credit);
  return socket_.send(message, 0);
}

Result<void> ControllerSocket::send(std::span<const Answer> answers) {
  while (!answers.empty()) {
    const std::size_t count = std::min(answers.size(), max_verdicts);
    Message message = send_verdicts(answers.first(count));
    if (auto sent = socket_.send(message, 0); !sent) return sent;
    answers = answers.subspan(count);
  }
  return {};
}

}  // namespace sluice::netlink
