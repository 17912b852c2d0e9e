// SPDX-License-Identifier: Apache-2.0
//
// The few Boost.Asio names that all our coroutines use.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/address.hpp"

namespace sluice {

namespace asio = boost::asio;
using asio::ip::tcp;

/// What our coroutines return.
template <class T>
using Task = asio::awaitable<T>;

/// Completion token: co_await gives a tuple that starts with an error code, nothing throws.
inline constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

inline tcp::endpoint to_asio(const Endpoint& endpoint) {
  sockaddr_storage storage;
  tcp::endpoint result;
  socklen_t length = endpoint.to_sockaddr(storage);
  __builtin_memcpy(result.data(), &storage, length);
  result.resize(length);
  return result;
}

inline Endpoint from_asio(const tcp::endpoint& endpoint) {
  return Endpoint::from_sockaddr(endpoint.data()).value_or(Endpoint{});
}

}  // namespace sluice
