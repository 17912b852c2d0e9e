// SPDX-License-Identifier: Apache-2.0
#include "netlink/message.hpp"

#include <linux/genetlink.h>
#include <linux/sluice.h>
#include <netlink/genl/genl.h>

#include <new>
#include <string>

#include "netlink/master_key.hpp"

namespace sluice::netlink {
namespace {

void wipe_and_free(nl_msg* message) {
  wipe({reinterpret_cast<std::byte*>(nlmsg_hdr(message)), nlmsg_get_max_size(message)});
  nlmsg_free(message);
}

}  // namespace

Message::Message(std::uint8_t command, std::uint16_t flags, std::size_t capacity)
    : message_(nlmsg_alloc_size(capacity), nlmsg_free) {
  if (!message_) throw std::bad_alloc();
  // The family's number is not known before a socket has asked for it; the socket fills it in.
  if (!genlmsg_put(message_.get(), NL_AUTO_PORT, NL_AUTO_SEQ, 0, 0, NLM_F_REQUEST | flags, command,
                   SLUICE_GENL_VERSION))
    throw std::bad_alloc();
}

void Message::put_bytes(std::uint16_t attribute, Bytes value) {
  if (nla_put(message_.get(), attribute, static_cast<int>(value.size()), value.data()) < 0) fits_ = false;
}

void Message::put_string(std::uint16_t attribute, std::string_view text) {
  std::string terminated(text);
  put_bytes(attribute, std::as_bytes(std::span{terminated.c_str(), terminated.size() + 1}));
}

void Message::hold_secret() { message_.get_deleter() = wipe_and_free; }

nlattr* Message::begin_nest(std::uint16_t attribute) {
  // The strict parser of the kernel insists on NLA_F_NESTED.
  nlattr* start = nla_nest_start(message_.get(), NLA_F_NESTED | attribute);
  if (!start) fits_ = false;
  return start;
}

void Message::end_nest(nlattr* start) {
  // The _keep_empty variant: an empty nest is a statement of its own and must not vanish.
  if (start && nla_nest_end_keep_empty(message_.get(), start) < 0) fits_ = false;
}

std::uint8_t Message::command() const { return static_cast<const genlmsghdr*>(nlmsg_data(header()))->cmd; }

Bytes Message::bytes() const { return {reinterpret_cast<const std::byte*>(header()), header()->nlmsg_len}; }

Bytes Message::attributes() const { return bytes().subspan(NLMSG_HDRLEN + GENL_HDRLEN); }

}  // namespace sluice::netlink
