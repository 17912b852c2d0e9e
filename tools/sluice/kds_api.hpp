// SPDX-License-Identifier: Apache-2.0
//
// An operator's requests to the key servers (Documentation/openapi.yaml): one after another, each blocking until it has
// its answer.
//
// An error's number says what it means: ENOTCONN, no key server was reached; EACCES, they refuse; ENOENT, there is no
// such device; EEXIST, there is one already; EAGAIN, later perhaps; any other, something else is wrong.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.hpp"
#include "realm/settings.hpp"

namespace sluice::cli {

// Besides those of command.hpp; numbered as those of sluice-client(8).
inline constexpr int exit_exists = 4;
inline constexpr int exit_refused = 5;
inline constexpr int exit_no_server = 6;

class KdsApi {
 public:
  /// ENOTCONN: no server is known.  The certificate has to be good still, and an operator's of the realm.
  static Result<KdsApi> open(const realm::Settings& settings);
  KdsApi(KdsApi&&) noexcept;
  KdsApi& operator=(KdsApi&&) = delete;
  ~KdsApi();

  /// GET; an object.
  Result<nlohmann::json> get(const std::string& target);

  /// Is it the same to do it twice?  Then another server is asked where one fails.
  enum class Twice { same, not_the_same };
  Result<void> change(const std::string& method, const std::string& target, const nlohmann::json& body, Twice twice);

 private:
  struct Link;
  explicit KdsApi(std::unique_ptr<Link> link);
  std::unique_ptr<Link> link_;
};

/// The exit code of such an error (sluice(8)).
int exit_code_of(const Error& error);

}  // namespace sluice::cli
