// SPDX-License-Identifier: Apache-2.0
#include "client/discover/resolver.hpp"

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "client/discover/domains.hpp"

namespace sluice::client::discover {
namespace {

constexpr std::size_t answer_most = 16 * 1024;
constexpr std::size_t addresses_most = 8;

// res_ninit() and res_nclose().
class State {
 public:
  static Result<std::unique_ptr<State>> open(const Resolver& resolver) {
    std::unique_ptr<State> state(new State);
    if (::res_ninit(&state->state_) != 0) return Error{"the resolver cannot be set up", EIO};
    state->open_ = true;
    state->state_.retrans = std::clamp(resolver.seconds, 1, 30);
    state->state_.retry = std::clamp(resolver.tries, 1, 5);
    // The name is whole.
    state->state_.options &= ~static_cast<unsigned long>(RES_DNSRCH | RES_DEFNAMES);
    if (!resolver.server) return state;
    if (!resolver.server->address.is_v4()) return Error{"a DNS server of our own has an IPv4 address", EINVAL};
    sockaddr_storage storage{};
    resolver.server->to_sockaddr(storage);
    state->state_.nscount = 1;
    state->state_.nsaddr_list[0] = reinterpret_cast<const sockaddr_in&>(storage);
    return state;
  }
  ~State() {
    if (open_) ::res_nclose(&state_);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  [[nodiscard]] res_state get() { return &state_; }

 private:
  State() = default;

  struct __res_state state_ {};
  bool open_ = false;
};

}  // namespace

Result<SrvAnswer> Resolver::srv(const std::string& name) const {
  if (!is_host_name(name)) return Error{"'" + name + "' is no name to ask DNS for", EINVAL};
  auto state = State::open(*this);
  if (!state) return state.error();
  std::vector<std::uint8_t> answer(answer_most);
  const int size =
      ::res_nquery((*state)->get(), name.c_str(), ns_c_in, ns_t_srv, answer.data(), static_cast<int>(answer.size()));
  if (size < 0) {
    const int problem = (*state)->get()->res_h_errno;
    if (problem == HOST_NOT_FOUND || problem == NO_DATA) return SrvAnswer();
    if (problem == TRY_AGAIN) return Error{name + ": no DNS server answers", ETIMEDOUT};
    return Error{name + ": the DNS server fails: " + ::hstrerror(problem), EPROTO};
  }
  // The size is the answer's, even where that did not fit.
  if (static_cast<std::size_t>(size) > answer.size())
    return Error{name + ": the DNS server's answer is too long", EFBIG};
  auto parsed = parse_srv(std::span(answer).first(static_cast<std::size_t>(size)));
  return parsed ? parsed : Result<SrvAnswer>(parsed.error().in(name));
}

Result<std::vector<Endpoint>> addresses_of(const std::string& host, std::uint16_t port) {
  if (!is_host_name(host)) return Error{"'" + host + "' is no host name", EINVAL};
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  // Without a dot at the end, with which /etc/hosts would not have it; a name with dots in it is tried as it is first.
  if (const int code = ::getaddrinfo(host.c_str(), nullptr, &hints, &list); code != 0)
    return Error{host + ": " + ::gai_strerror(code), code == EAI_SYSTEM ? errno : ENOENT};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  std::vector<Endpoint> endpoints;
  for (const addrinfo* one = list; one != nullptr && endpoints.size() < addresses_most; one = one->ai_next)
    if (auto address = Address::from_sockaddr(one->ai_addr)) endpoints.push_back({*address, port});
  if (endpoints.empty()) return Error{host + ": has no address", ENOENT};
  return endpoints;
}

}  // namespace sluice::client::discover
