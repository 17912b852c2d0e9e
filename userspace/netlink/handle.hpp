// SPDX-License-Identifier: Apache-2.0
//
// libnl's objects as unique_ptr.
#pragma once

#include <netlink/socket.h>

#include <memory>

namespace sluice::netlink {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

template <class T, auto Free>
using Handle = std::unique_ptr<T, Deleter<Free>>;

using UniqueNlSock = Handle<nl_sock, nl_socket_free>;

}  // namespace sluice::netlink
