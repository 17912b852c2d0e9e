// SPDX-License-Identifier: Apache-2.0
#include "sluice/kds_settings.hpp"

#include <filesystem>

#include "config/config.hpp"

namespace sluice::cli {
namespace {

Result<realm::Settings> read(std::optional<config::File> file, const std::string& name, const KdsOptions& options) {
  realm::Settings settings;
  if (file) {
    config::Table root = file->root();
    settings = realm::read_settings(root, false);
    if (auto all = file->finish(); !all) return all.error();
  }
  if (options.realm) {
    if (const std::string wrong = realm::wrong_realm(*options.realm); !wrong.empty()) return Error{"--realm: " + wrong};
    settings.realm = *options.realm;
  }
  tls::Identity& identity = settings.identity;
  if (options.authority) identity.authority = *options.authority;
  if (options.certificate) identity.certificate = *options.certificate;
  if (options.key) identity.key = *options.key;
  if (options.revoked) identity.revoked = *options.revoked;
  if (!options.kds.empty()) settings.kds.clear();
  for (const std::string& text : options.kds) {
    auto server = http::ServerName::parse(text, realm::kds_port);
    if (!server) return server.error().in("--kds");
    settings.kds.push_back(*std::move(server));
  }
  struct Needed {
    const char* key;
    bool missing;
  };
  std::string missing;
  for (const Needed& one : {Needed{"realm", settings.realm.empty()},
                            {"authority", identity.authority.empty()},
                            {"certificate", identity.certificate.empty()},
                            {"key", identity.key.empty()}})
    if (one.missing) missing += (missing.empty() ? "" : ", ") + std::string(one.key);
  if (!missing.empty())
    return Error{missing + ": not in " + name + (file ? "" : ", which is not there,") +
                 " and not among the options either; operator.toml.example says how"};
  return settings;
}

}  // namespace

Result<realm::Settings> read_kds_settings(const KdsOptions& options) {
  const std::string path = options.config.value_or(operator_path);
  // Who gives everything by options needs no file; one that he names has to be there.
  if (!options.config && !std::filesystem::exists(path)) return read({}, path, options);
  auto file = config::File::load(path);
  if (!file) return Error{file.error().message};  // its number would be taken for a key server's word
  return read(*std::move(file), path, options);
}

Result<realm::Settings> parse_kds_settings(std::string_view text, std::string name, const KdsOptions& options) {
  auto file = config::File::parse(text, name);
  if (!file) return file.error();
  return read(*std::move(file), name, options);
}

}  // namespace sluice::cli
