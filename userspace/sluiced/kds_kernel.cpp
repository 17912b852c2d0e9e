// SPDX-License-Identifier: Apache-2.0
//
// KdsKernel by netlink.
#include <cerrno>
#include <optional>

#include "netlink/socket.hpp"
#include "sluiced/kds_link.hpp"
#include "sluiced/policy.hpp"

namespace sluice::gateway {
namespace {

class NetlinkKernel final : public KdsKernel {
 public:
  explicit NetlinkKernel(std::shared_ptr<PolicySources> policy) : policy_(std::move(policy)) {}

  Result<KernelBoot> boot() override {
    auto esp = ask([](netlink::Socket& socket) { return socket.esp(); });
    if (!esp) return esp.error();
    return KernelBoot{esp->boot_nonce, esp->newest};
  }
  Result<std::vector<netlink::Generation>> generations() override {
    return ask([](netlink::Socket& socket) { return socket.generations(); });
  }
  Result<void> new_generation(const netlink::NewGeneration& generation) override {
    return ask([&](netlink::Socket& socket) { return socket.new_generation(generation); });
  }
  Result<void> delete_generation(std::uint32_t number) override {
    return ask([&](netlink::Socket& socket) { return socket.delete_generation(number); });
  }
  Result<void> promote_generation(std::uint32_t number, std::chrono::seconds overlap) override {
    return ask([&](netlink::Socket& socket) { return socket.promote_generation(number, overlap); });
  }
  Result<void> set_esp_client(const netlink::EspClientChange& change) override {
    return ask([&](netlink::Socket& socket) { return socket.set_esp_client(change); });
  }
  Result<void> set_policy(const std::vector<std::uint8_t>& blob) override {
    policy_->of_kds = blob;
    // A file wins.  It was read with the settings, and nobody has said that it is to be read now.
    if (policy_->settings && policy_->settings->file) return {};
    return ask([&](netlink::Socket& socket) { return gateway::set_policy(*policy_, socket); });
  }

 private:
  // After an error a new socket: a module that is loaded again has another family number.
  template <class Question>
  auto ask(Question question) -> decltype(question(std::declval<netlink::Socket&>())) {
    if (!socket_) {
      auto opened = netlink::Socket::open();
      if (!opened) return opened.error();
      socket_.emplace(*std::move(opened));
    }
    auto answer = question(*socket_);
    if (!answer) socket_.reset();
    return answer;
  }

  std::shared_ptr<PolicySources> policy_;
  std::optional<netlink::Socket> socket_;
};

}  // namespace

std::unique_ptr<KdsKernel> make_kds_kernel(std::shared_ptr<PolicySources> policy) {
  return std::make_unique<NetlinkKernel>(std::move(policy));
}

}  // namespace sluice::gateway
