// SPDX-License-Identifier: Apache-2.0
#include "kds/check.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "tls/context.hpp"
#include "tls/error.hpp"

namespace sluice::kds {
namespace {

namespace fs = std::filesystem;

std::string names_of(const tls::Peer& peer) {
  std::string text;
  for (const tls::PeerName& name : peer.names) text += (text.empty() ? "" : ", ") + name.to_string();
  return text.empty() ? "no sluice:// name at all" : text;
}

/// As a client would be shown them.
Result<tls::PeerCertificates> read_certificates(const fs::path& path) {
  ERR_clear_error();
  tls::PeerCertificates shown;
  const tls::UniqueBio file(BIO_new_file(path.c_str(), "r"));
  if (file) shown.certificate.reset(PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr));
  if (!shown.certificate) return tls::take_error(path.string());
  shown.chain.reset(sk_X509_new_null());
  while (shown.chain) {
    tls::UniqueX509 one(PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr));
    if (!one || sk_X509_push(shown.chain.get(), one.get()) <= 0) break;
    (void)one.release();
  }
  ERR_clear_error();  // of the end of the file
  return shown;
}

}  // namespace

std::string joined(const std::vector<fs::path>& files) {
  std::string text;
  for (const fs::path& file : files) text += (text.empty() ? "" : " with ") + file.string();
  return text;
}

Result<void> check_identity(const Settings& settings) {
  const tls::Identity& identity = settings.identity;
  const std::string file = "certificate " + identity.certificate.string();
  // The other end's view: serverAuth, validity, chain and revocation are what it looks at.
  const auto client = tls::Context::create(tls::Role::client, identity, {.tls13_only = true});
  if (!client) return client.error();
  const auto shown = read_certificates(identity.certificate);
  if (!shown) return shown.error();
  const tls::Peer self = tls::Peer::from_certificate(shown->certificate.get());
  if (!self.is_kds(settings.realm))
    return Error{file + " of '" + self.subject + "' is for no key server of realm '" + settings.realm + "', but for " +
                     names_of(self) + "; `sluice-pki issue kds` makes one",
                 EINVAL};
  if (auto good = client->recheck(*shown); !good)
    return Error{
        file + " would be believed by nobody who trusts " + identity.authority.string() + ": " + good.error().message,
        EINVAL};
  return {};
}

Result<void> check_writable(const fs::path& file) {
  const fs::path folder = file.parent_path();
  struct stat about {};
  if (::stat(folder.c_str(), &about) != 0)
    return system_error(file.string() + ": its folder " + folder.string(), errno);
  if (!S_ISDIR(about.st_mode)) return Error{file.string() + ": " + folder.string() + " is no folder", ENOTDIR};
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    return system_error(file.string() + ": its folder " + folder.string() + " cannot be written", errno);
  if (::access(file.c_str(), F_OK) == 0 && ::access(file.c_str(), R_OK | W_OK) != 0)
    return system_error(file.string() + ": cannot be both read and written", errno);
  return {};
}

Result<std::vector<std::string>> check_files(const Settings& settings) {
  if (auto good = check_identity(settings); !good) return good.error();
  if (auto kek = Kek::load(settings.key_encryption_key); !kek) return kek.error().in("key_encryption_key");
  std::vector<std::string> notes;
  for (const auto& [key, file] : {std::pair{"database", settings.database}, {"audit", settings.audit}}) {
    const auto writable = check_writable(file);
    if (writable) continue;
    if (writable.error().number != ENOENT) return writable.error().in(key);
    notes.push_back(std::string(key) + ": " + writable.error().message +
                    "; it has to be there when the server starts, and systemd's unit makes those of its own");
  }
  return notes;
}

Result<std::vector<std::string>> check_master_keys(Store& store, const Kek& kek, const Settings& settings, Time now) {
  std::vector<std::string> failures;
  std::size_t good = 0;
  Result<void> done = store.read([&](Transaction& transaction) -> Result<void> {
    failures.clear();
    good = 0;
    for (const Gateway& gateway : transaction.gateways()) {
      for (const Generation& generation : transaction.live_generations(gateway.name)) {
        if (generation.hard_end() <= now) continue;  // the first tick ends it
        const auto master = kek.unwrap(generation.wrapped, gateway.name, generation.number);
        if (master)
          ++good;
        else
          failures.push_back(master.error().message);
      }
    }
    return {};
  });
  if (!done) return done.error();
  if (failures.empty() || good != 0) return failures;
  return Error{"key_encryption_key: " + joined(settings.key_encryption_key) + " opens none of the master keys in " +
                   settings.database.string() + ": " + failures.front() +
                   "; put the key back that the store was written with, or, if it is lost: `sluice-kds kek lost`",
               EKEYREJECTED};
}

std::string about_store(const fs::path& database) {
  std::error_code failure;
  const auto size = fs::file_size(database, failure);
  if (failure == std::errc::no_such_file_or_directory) return database.string() + ": there is no store yet; made anew";
  if (!failure && size == 0) return database.string() + ": is empty; becomes a new store, with no device enrolled";
  return "";
}

}  // namespace sluice::kds
