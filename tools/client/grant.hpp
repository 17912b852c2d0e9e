// SPDX-License-Identifier: Apache-2.0
//
// What a key server's answer means for people and programs: in JSON, in words, and which key of it is used.  No key is
// in what it gives.  Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "client/answer.hpp"
#include "client/fetch.hpp"

namespace sluice::client {

nlohmann::json to_json(const Answer& answer);
nlohmann::json to_json(const Problem& problem);

/// "granted: corp of gw1, ...", "refused: ..." with what to mend, "later: ..."; each line ends with a newline.
std::string granted_words(const Answer& answer);
std::string refused_words(const Answer& answer);
/// "connect 12.3 ms, challenge 1.0 ms, ...".
std::string to_words(const std::vector<Timing>& timings);

/// Which network of which gateway; nothing: any.
struct Choice {
  std::optional<std::string> gateway, network;
};

/// The first that was granted, fits and can be reached (choose_path()).  An error's number: EACCES, what fits was
/// refused; EAGAIN, it has to wait; ENOENT, nothing fits; EHOSTUNREACH.
Result<Granted*> choose(Answer& answer, const Choice& choice, bool prefer_native,
                        const std::function<bool(const Address&)>& reachable);

}  // namespace sluice::client
