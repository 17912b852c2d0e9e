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

// What the kernel says about an error: its words, and where in the request.
Error refusal(int number, Bytes tlvs, const std::function<std::string(std::uint32_t)>& name_at) {
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

Result<void> Netlink::ask(Request request, const std::function<void(Bytes)>& visit) {
  if (!request.fits_) return Error{"the request does not fit one netlink message", EMSGSIZE};
  nlmsghdr* asked = request.header();
  asked->nlmsg_seq = ++sequence_;
  asked->nlmsg_pid = 0;
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  while (::sendto(fd_.get(), asked, asked->nlmsg_len, 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) < 0)
    if (errno != EINTR) return system_error("netlink", errno);

  Wiped buffer;
  for (;;) {
    sockaddr_nl sender{};
    socklen_t length = sizeof sender;
    const ssize_t size = ::recvfrom(fd_.get(), buffer.bytes.data(), buffer.bytes.size(), MSG_TRUNC,
                                    reinterpret_cast<sockaddr*>(&sender), &length);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_error("netlink", errno);
    if (sender.nl_pid != 0) continue;  // another process, not the kernel
    if (static_cast<std::size_t>(size) > buffer.bytes.size()) return Error{"a netlink answer is too long", EMSGSIZE};
    int left = static_cast<int>(size);
    for (auto* answer = reinterpret_cast<nlmsghdr*>(buffer.bytes.data()); nlmsg_ok(answer, left);
         answer = nlmsg_next(answer, &left)) {
      if (answer->nlmsg_seq != sequence_) continue;
      if (answer->nlmsg_type == NLMSG_DONE) return {};
      const Bytes payload{static_cast<const std::byte*>(nlmsg_data(answer)), answer->nlmsg_len - NLMSG_HDRLEN};
      if (answer->nlmsg_type != NLMSG_ERROR) {
        if (visit) visit(payload);
        continue;
      }
      nlmsgerr error{};
      if (payload.size() < sizeof error) return Error{"a damaged netlink answer", EBADMSG};
      std::memcpy(&error, payload.data(), sizeof error);
      if (error.error == 0) return {};
      std::size_t skip = sizeof error;
      // Without NETLINK_CAP_ACK the whole request stands in between.
      if (!(answer->nlmsg_flags & NLM_F_CAPPED)) skip += NLMSG_ALIGN(error.msg.nlmsg_len) - sizeof(nlmsghdr);
      const bool more = (answer->nlmsg_flags & NLM_F_ACK_TLVS) && payload.size() > skip;
      return refusal(-error.error, more ? payload.subspan(skip) : Bytes{},
                     [&](std::uint32_t offset) { return request.name_at(offset); });
    }
  }
}

}  // namespace sluice::client
