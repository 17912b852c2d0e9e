// SPDX-License-Identifier: Apache-2.0
//
// What it takes to ask a realm's key servers: a certificate that is still good, a client that holds them to theirs, and
// a loop for programs that do nothing else meanwhile.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>

#include "base/async.hpp"
#include "base/result.hpp"
#include "http/client.hpp"
#include "realm/settings.hpp"
#include "tls/handle.hpp"

namespace sluice::realm {

/// PEM.  EKEYEXPIRED: the key server would end the connection with an alert; here it is known which file is meant.
Result<tls::UniqueX509> load_certificate(const std::filesystem::path& path);

/// TLS 1.3 alone, by the settings' identity.
Result<tls::Context> make_context(const tls::Identity& identity);

/// Runs *task* on *io* until it has ended.  Blocks.  What it throws is an error.
template <class T>
Result<T> run(asio::io_context& io, Task<Result<T>> task) {
  std::optional<Result<T>> outcome;
  std::exception_ptr thrown;
  // (a coroutine of its own: co_spawn() would make a Result<T> of nothing where one is thrown)
  const auto wait = [&]() -> Task<void> { outcome.emplace(co_await std::move(task)); };
  asio::co_spawn(io, wait(), [&](std::exception_ptr failure) { thrown = failure; });
  io.restart();
  io.run();
  if (!thrown) return *std::move(outcome);
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    return Error{std::string("asking the key server: ") + error.what()};
  }
}

}  // namespace sluice::realm
