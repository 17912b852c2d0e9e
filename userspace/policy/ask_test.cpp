// SPDX-License-Identifier: Apache-2.0
#include "policy/ask.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <string>
#include <thread>

#include "base/unique_fd.hpp"

namespace sluice::policy {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;

// A gateway on loopback: *answers* says what goes back to the n-th question, each of them a datagram.
class Gateway {
 public:
  explicit Gateway(std::function<std::vector<Bytes>(int number, const Bytes& question)> answers)
      : answers_(std::move(answers)), fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage address{};
    socklen_t size = Endpoint{*Address::parse("127.0.0.1"), 0}.to_sockaddr(address);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    endpoint_ = *Endpoint::from_sockaddr(reinterpret_cast<sockaddr*>(&address));
    thread_ = std::thread([this] { run(); });
  }
  ~Gateway() {
    ::shutdown(fd_.get(), SHUT_RDWR);  // wakes recvfrom(), though it says ENOTCONN
    thread_.join();
  }

  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] int questions() const { return questions_; }

 private:
  void run() {
    for (;;) {
      Bytes question(2000);
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      const auto got =
          ::recvfrom(fd_.get(), question.data(), question.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (got <= 0) return;
      question.resize(static_cast<std::size_t>(got));
      for (const Bytes& answer : answers_(++questions_, question))
        ::sendto(fd_.get(), answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }

  std::function<std::vector<Bytes>(int, const Bytes&)> answers_;
  UniqueFd fd_;
  Endpoint endpoint_;
  std::atomic<int> questions_ = 0;
  std::thread thread_;
};

Bytes answer_to(const Bytes& question, const std::string& blob) {
  Bytes bytes{'S', 'L', 'P', 'A', 1, 0, 0, static_cast<std::uint8_t>(blob.size())};
  bytes.insert(bytes.end(), question.begin() + 8, question.begin() + 24);
  bytes.insert(bytes.end(), blob.begin(), blob.end());
  return bytes;
}

TEST(AskPolicy, TakesTheAnswerAndDropsWhatIsNone) {
  Gateway gateway([](int, const Bytes& question) {
    Bytes other = question;
    other[8] ^= 1;  // the nonce of somebody else's question
    return std::vector<Bytes>{answer_to(other, "forged"), {1, 2, 3}, answer_to(question, "a policy")};
  });
  auto blob = ask(gateway.endpoint(), {1, 10s});
  ASSERT_TRUE(blob) << blob.error().message;
  ASSERT_TRUE(*blob);
  EXPECT_EQ(std::string((*blob)->begin(), (*blob)->end()), "a policy");
  EXPECT_EQ(gateway.questions(), 1);
}

TEST(AskPolicy, AsksAgainWithAnotherNonce) {
  Bytes first;
  Gateway gateway([&first](int number, const Bytes& question) {
    if (number == 1) first = question;
    // A late answer to the first question is no answer to the second.
    return number < 3 ? std::vector<Bytes>{} : std::vector<Bytes>{answer_to(first, "late"), answer_to(question, "yes")};
  });
  auto blob = ask(gateway.endpoint(), {3, 200ms});
  ASSERT_TRUE(blob) << blob.error().message;
  ASSERT_TRUE(*blob);
  EXPECT_EQ(std::string((*blob)->begin(), (*blob)->end()), "yes");
  EXPECT_EQ(gateway.questions(), 3);
}

TEST(AskPolicy, NobodyThereIsNoPolicy) {
  Endpoint closed;
  {
    closed = Gateway([](int, const Bytes&) { return std::vector<Bytes>{}; }).endpoint();
  }
  auto blob = ask(closed, {2, 20ms});
  ASSERT_TRUE(blob) << blob.error().message;
  EXPECT_FALSE(*blob);
}

}  // namespace
}  // namespace sluice::policy
