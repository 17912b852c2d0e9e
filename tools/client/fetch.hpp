// SPDX-License-Identifier: Apache-2.0
//
// Fetches keys from a key server: challenge, measure, evidence, keys (Documentation/kds.rst).  A challenge and what
// answers it belong to one connection; where that is lost in between, all begins again, a few times.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "base/async.hpp"
#include "base/result.hpp"
#include "client/answer.hpp"
#include "client/settings.hpp"
#include "evidence/quote.hpp"
#include "http/client.hpp"
#include "tls/handle.hpp"

namespace sluice::client {

/// What signs evidence: the certificate that is shown in TLS, and its key.
struct Device {
  tls::UniqueX509 certificate;
  tls::UniqueKey key;

  static Result<Device> load(const tls::Identity& identity);
};

/// Gives the posture.  May block: nothing else happens meanwhile.
using Measure = std::function<nlohmann::json(const Wanted&)>;

/// Gives a TPM's quote of these qualifying data and PCRs.  May block likewise.
using TakeQuote = std::function<Result<evidence::Quote>(const evidence::Sha256&, const std::set<unsigned>&)>;

/// What the settings allow of what is wanted; a plug-in that nobody asked for is not told.
nlohmann::json measure_wanted(const MeasureSettings& settings, const Wanted& wanted);

/// How long a step took, for people.
struct Timing {
  const char* step;  ///< "find"; "connect", "challenge", "measure", "evidence", "quote", "keys"; of each try
  std::chrono::microseconds time;
};

/// A key that is there: it is renewed rather than another one issued.
struct Held {
  std::string gateway, network;
  std::uint32_t spi = 0;  ///< outbound
};

struct FetchOptions {
  unsigned tries = 3;            ///< a try has one challenge
  bool several_servers = false;  ///< after a 5xx, and what no key server says, the next one is tried
  Duration challenge{10000};     ///< for its answer: a server that takes longer will not do the rest in time
  std::optional<Held> held;
  TakeQuote quote;  ///< empty: none can be given
};

struct Fetched {
  std::variant<Answer, Problem> said;
  std::string server;
  bool resumed = false;  ///< the TLS session resumed an earlier one
  std::vector<Timing> timings;
};

/// *client*, *device* and *measure* outlive the task.  A quote that cannot be given is no error: what is refused for
/// want of it says why.  An error's number: ENOTCONN, no key server was reached, or none stayed until its answer;
/// EBADMSG, it does not answer as a key server does; else this device's own fault.
Task<Result<Fetched>> fetch(http::Client& client, const Device& device, const Measure& measure,
                            FetchOptions options = {});

/// All of it, on a loop of its own, until it has ended.  Blocks.  *ticket*: the file in which the TLS ticket is kept
/// from one process to the next (mode 0600; none for an empty path); the second connection resumes the first one's
/// session.
Result<Fetched> fetch_with(const Settings& settings, std::optional<Held> held = {},
                           const std::filesystem::path& ticket = {});

}  // namespace sluice::client
