// SPDX-License-Identifier: Apache-2.0
#include "client/netlink.hpp"

#include <linux/netlink.h>
#include <netlink/attr.h>
#include <openssl/crypto.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <optional>

namespace sluice::client {
namespace {

constexpr std::size_t request_size = 4096;
constexpr std::size_t answer_size = 16 * 1024;  // one object; the kernel makes the parts of a dump fit
constexpr unsigned most_dumps = 8;              // of a list that changes while it is read

using NameAt = std::function<std::string(std::uint32_t)>;

// What the kernel says about an error: its words, and where in the request.
Error refusal(int number, Bytes tlvs, const NameAt& name_at) {
  std::string words, attribute;
  for_each_attribute(tlvs, [&](std::uint16_t type, Bytes payload) {
    if (type == NLMSGERR_ATTR_MSG) words.assign(reinterpret_cast<const char*>(payload.data()), payload.size());
    std::uint32_t offset = 0;
    if (type == NLMSGERR_ATTR_OFFS && payload.size() == sizeof offset) {
      std::memcpy(&offset, payload.data(), sizeof offset);
      attribute = name_at(offset);
    }
  });
  while (!words.empty() && words.back() == '\0') words.pop_back();
  std::string text = std::generic_category().message(number);
  if (!words.empty()) text = words + " (" + text + ")";
  if (!attribute.empty()) text = attribute + ": " + text;
  return {text, number};
}

Result<void> acknowledgement(const nlmsghdr& head, Bytes payload, const NameAt& name_at) {
  nlmsgerr error{};
  if (payload.size() < sizeof error) return Error{"a damaged netlink answer", EBADMSG};
  std::memcpy(&error, payload.data(), sizeof error);
  if (error.error == 0) return {};
  std::size_t skip = sizeof error;
  // Without NETLINK_CAP_ACK the whole request stands in between.
  if (!(head.nlmsg_flags & NLM_F_CAPPED)) skip += NLMSG_ALIGN(error.msg.nlmsg_len) - sizeof(nlmsghdr);
  const bool more = (head.nlmsg_flags & NLM_F_ACK_TLVS) && payload.size() > skip;
  return refusal(-error.error, more ? payload.subspan(skip) : Bytes{}, name_at);
}

// A dump that failed on the way ends as one that did not, but for this number: what came before it is not all.
Result<void> end_of_dump(const nlmsghdr& head, Bytes payload, const NameAt& name_at) {
  int status = 0;
  if (payload.size() < sizeof status) return {};  // some end with the header alone
  std::memcpy(&status, payload.data(), sizeof status);
  if (status >= 0) return {};
  return refusal(-status, head.nlmsg_flags & NLM_F_ACK_TLVS ? payload.subspan(sizeof status) : Bytes{}, name_at);
}

struct Wiped {
  alignas(nlmsghdr) std::array<std::byte, answer_size> bytes;
  ~Wiped() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

}  // namespace

void for_each_attribute(Bytes bytes, const std::function<void(std::uint16_t, Bytes)>& visit) {
  int left = static_cast<int>(bytes.size());
  const auto* attribute = reinterpret_cast<const nlattr*>(bytes.data());
  for (; nla_ok(attribute, left); attribute = nla_next(attribute, &left))
    visit(static_cast<std::uint16_t>(nla_type(attribute)),
          Bytes{static_cast<const std::byte*>(nla_data(attribute)), static_cast<std::size_t>(nla_len(attribute))});
}

Request::Request(std::uint16_t type, std::uint16_t flags) : message_(nlmsg_alloc_size(request_size)) {
  if (!message_ ||
      nlmsg_put(message_.get(), NL_AUTO_PORT, NL_AUTO_SEQ, type, 0, NLM_F_REQUEST | NLM_F_ACK | flags) == nullptr)
    throw std::bad_alloc();
}

Request::~Request() {
  if (message_) OPENSSL_cleanse(header(), nlmsg_get_max_size(message_.get()));
}

void Request::append(Bytes bytes) {
  if (nlmsg_append(message_.get(), const_cast<std::byte*>(bytes.data()), bytes.size(), NLMSG_ALIGNTO) < 0)
    fits_ = false;
}

void Request::remember(Attribute attribute) { names_.emplace_back(header()->nlmsg_len, attribute.name); }

void Request::put_bytes(Attribute attribute, Bytes value) {
  remember(attribute);
  if (nla_put(message_.get(), attribute.number, static_cast<int>(value.size()), value.data()) < 0) fits_ = false;
}

void Request::put_string(Attribute attribute, const std::string& value) {
  put_bytes(attribute, std::as_bytes(std::span{value.c_str(), value.size() + 1}));
}

nlattr* Request::begin(Attribute attribute) {
  remember(attribute);
  nlattr* start = nla_nest_start(message_.get(), NLA_F_NESTED | attribute.number);
  if (start == nullptr) fits_ = false;
  return start;
}

void Request::end(nlattr* start) {
  if (start != nullptr) nla_nest_end(message_.get(), start);
}

std::string Request::name_at(std::uint32_t offset) const {
  const char* name = "";
  for (const auto& [begins, called] : names_)
    if (begins <= offset) name = called;
  return name;
}

Result<Netlink> Netlink::open(int protocol) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!fd && errno == EPROTONOSUPPORT && protocol == NETLINK_XFRM)
    return Error{"the kernel has no IPsec configuration (CONFIG_XFRM_USER, module xfrm_user)", EPROTONOSUPPORT};
  if (!fd) return system_error("netlink", errno);
  const int on = 1;
  for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK}) {
    // Without them answers are less precise, and nothing else changes.
    ::setsockopt(fd.get(), SOL_NETLINK, option, &on, sizeof on);
  }
  return Netlink(std::move(fd));
}

Result<void> Netlink::send(const Request& request) {
  nlmsghdr* asked = request.header();
  asked->nlmsg_seq = ++sequence_;
  asked->nlmsg_pid = 0;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  while (::sendto(fd_.get(), asked, asked->nlmsg_len, 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) < 0)
    if (errno != EINTR) return system_error("netlink", errno);
  return {};
}

Result<std::size_t> Netlink::receive(std::span<std::byte> buffer) {
  for (;;) {
    sockaddr_nl sender{};
    socklen_t length = sizeof sender;
    const ssize_t size =
        ::recvfrom(fd_.get(), buffer.data(), buffer.size(), MSG_TRUNC, reinterpret_cast<sockaddr*>(&sender), &length);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_error("netlink", errno);
    if (sender.nl_pid != 0) continue;  // another process, not the kernel
    if (static_cast<std::size_t>(size) > buffer.size()) return Error{"a netlink answer is too long", EMSGSIZE};
    return static_cast<std::size_t>(size);
  }
}

Result<void> Netlink::ask_once(const Request& request, const Visit& visit, bool& interrupted) {
  if (auto sent = send(request); !sent) return sent;
  Wiped buffer;
  for (;;) {
    auto size = receive(buffer.bytes);
    if (!size) return size.error();
    int left = static_cast<int>(*size);
    for (auto* answer = reinterpret_cast<nlmsghdr*>(buffer.bytes.data()); nlmsg_ok(answer, left);
         answer = nlmsg_next(answer, &left)) {
      if (answer->nlmsg_seq != sequence_) continue;
      if (answer->nlmsg_flags & NLM_F_DUMP_INTR) interrupted = true;
      const auto name_at = [&](std::uint32_t offset) { return request.name_at(offset); };
      const Bytes payload{static_cast<const std::byte*>(nlmsg_data(answer)), answer->nlmsg_len - NLMSG_HDRLEN};
      if (answer->nlmsg_type == NLMSG_DONE) return end_of_dump(*answer, payload, name_at);
      if (answer->nlmsg_type == NLMSG_ERROR) return acknowledgement(*answer, payload, name_at);
      if (visit) visit(payload);
    }
  }
}

Result<void> Netlink::ask(Request request, const Visit& visit) {
  if (!request.fits_) return Error{"the request does not fit one netlink message", EMSGSIZE};
  bool interrupted = false;
  if ((request.header()->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP) return ask_once(request, visit, interrupted);
  for (unsigned i = 0; i < most_dumps; ++i) {
    interrupted = false;
    std::vector<std::vector<std::byte>> parts;
    auto done = ask_once(
        request, [&](Bytes part) { parts.emplace_back(part.begin(), part.end()); }, interrupted);
    if (!done) return done;
    if (interrupted) continue;
    for (const auto& part : parts)
      if (visit) visit(part);
    return {};
  }
  return Error{"the list changes all the time while it is read", EAGAIN};
}

}  // namespace sluice::client
