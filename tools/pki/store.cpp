// SPDX-License-Identifier: Apache-2.0
#include "pki/store.hpp"

#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <sstream>

#include "base/address.hpp"
#include "base/unique_fd.hpp"
#include "tls/error.hpp"

namespace sluice::pki {
namespace {

using UniqueGeneralNames = tls::Handle<GENERAL_NAMES, GENERAL_NAMES_free>;
using UniqueBignum = tls::Handle<BIGNUM, BN_free>;

constexpr mode_t kPublic = 0644;
constexpr mode_t kSecret = 0600;

Result<std::string> read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  if (!stream || !(text << stream.rdbuf())) return system_error(path.string(), errno != 0 ? errno : EIO);
  return text.str();
}

/// All or nothing: readers, daemons that watch the list among them, never see half a file.
Result<void> write_file(const std::filesystem::path& path, const std::string& text, mode_t mode) {
  const std::filesystem::path temporary = path.string() + ".new";
  ::unlink(temporary.c_str());
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!fd) return system_error(temporary.string(), errno);
  const ssize_t size = ::write(fd.get(), text.data(), text.size());
  // The mode asked for, whatever the umask: others must be able to read what is public.
  if (size != static_cast<ssize_t>(text.size()) || ::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0 ||
      ::rename(temporary.c_str(), path.c_str()) != 0) {
    Error error = system_error(path.string(), errno);
    ::unlink(temporary.c_str());
    return error;
  }
  return {};
}

Result<void> refuse_to_overwrite(const std::filesystem::path& path, bool force) {
  std::error_code ignored;
  if (!force && std::filesystem::exists(path, ignored)) {
    return Error{path.string() + " exists; --force replaces it"};
  }
  return {};
}

tls::Time time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::string hex_of(const ASN1_INTEGER* number) {
  UniqueBignum value(ASN1_INTEGER_to_BN(number, nullptr));
  char* text = value ? BN_bn2hex(value.get()) : nullptr;
  std::string result = text != nullptr ? text : "";
  OPENSSL_free(text);
  return result;
}

/// A serial number as BN_bn2hex writes it; nothing if *text* is none.
std::string canonical_serial(std::string text) {
  std::erase(text, ':');
  if (text.empty() || text.size() > 40 || text.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
    return {};
  }
  BIGNUM* raw = nullptr;
  if (BN_hex2bn(&raw, text.c_str()) == 0) return {};
  UniqueBignum value(raw);
  char* hex = BN_bn2hex(value.get());
  std::string result = hex != nullptr ? hex : "";
  OPENSSL_free(hex);
  return result;
}

std::vector<std::string> hosts_of(const X509* certificate) {
  std::vector<std::string> hosts;
  UniqueGeneralNames names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS && name->type != GEN_IPADD) continue;
    const ASN1_STRING* value = name->type == GEN_DNS ? name->d.dNSName : name->d.iPAddress;
    std::string bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                      static_cast<std::size_t>(ASN1_STRING_length(value)));
    if (name->type == GEN_IPADD) {
      if (Result<Address> address = Address::from_bytes(bytes)) hosts.push_back(address->to_string());
    } else {
      hosts.push_back(std::move(bytes));
    }
  }
  return hosts;
}

Result<Entry> read_entry(const std::filesystem::path& file, const std::vector<tls::Revocation>& revoked) {
  Result<std::string> text = read_file(file);
  if (!text) return text.error();
  Result<tls::UniqueX509> certificate = tls::certificate_from_pem(*text);
  if (!certificate) return certificate.error().in(file.string());
  Entry entry;
  entry.file = file;
  entry.peer = tls::Peer::from_certificate(certificate->get());
  entry.hosts = hosts_of(certificate->get());
  entry.not_before = time_of(X509_get0_notBefore(certificate->get()));
  entry.revoked = std::any_of(revoked.begin(), revoked.end(), [&entry](const tls::Revocation& revocation) {
    return revocation.serial == entry.peer.serial;
  });
  return entry;
}

}  // namespace

std::vector<tls::PeerName> names_for(tls::PeerName::Role role, const std::string& name,
                                     const std::vector<std::string>& networks, const std::string& realm) {
  using Role = tls::PeerName::Role;
  std::vector<tls::PeerName> names;
  for (const std::string& network : networks) names.push_back({role, network, role == Role::agent ? name : ""});
  if (realm.empty()) return names;
  names.push_back({role == Role::gateway ? Role::realm_gateway : role, realm, role == Role::kds ? "" : name});
  return names;
}

const char* Entry::status(tls::Time now) const {
  if (revoked) return "revoked";
  if (now >= peer.not_after) return "expired";
  return now < not_before ? "not yet valid" : "good";
}

Result<Store> Store::init(const std::filesystem::path& directory, const std::string& name, tls::Time not_after,
                          bool force) {
  std::error_code code;
  std::filesystem::create_directories(directory, code);
  if (code) return Error{directory.string() + ": " + code.message()};
  for (const char* file : {"ca.crt", "ca.key", "ca.crl"}) {
    if (auto done = refuse_to_overwrite(directory / file, force); !done) return done.error();
  }
  const tls::Time now = std::chrono::system_clock::now();
  Result<tls::Authority> authority = tls::Authority::create(name, {now - std::chrono::hours(1), not_after});
  if (!authority) return authority.error();
  if (auto done = write_file(directory / "ca.key", tls::to_pem(authority->key()), kSecret); !done) return done.error();
  if (auto done = write_file(directory / "ca.crt", tls::to_pem(authority->certificate()), kPublic); !done) {
    return done.error();
  }
  Store store(directory, *std::move(authority));
  if (auto done = store.write_list(std::vector<tls::Revocation>{}); !done) return done.error();
  return store;
}

Result<Store> Store::open(const std::filesystem::path& directory) {
  Result<std::string> certificate = read_file(directory / "ca.crt");
  if (!certificate) return Error{certificate.error().message + "; 'sluice-pki init' makes an authority"};
  Result<std::string> key = read_file(directory / "ca.key");
  if (!key) return key.error();
  Result<tls::Authority> authority = tls::Authority::load(*certificate, *key);
  if (!authority) return authority.error().in(directory.string());
  return Store(directory, *std::move(authority));
}

tls::Time Store::not_after() const { return time_of(X509_get0_notAfter(authority_.certificate())); }

Result<void> Store::issue(const tls::Request& request, bool force) const {
  if (!tls::is_name(request.common_name) || request.common_name == "ca" || request.common_name.front() == '.') {
    return Error{"'" + request.common_name +
                 "' cannot be a name: letters, digits, '.', '_' and '-', at most 63, and not 'ca'"};
  }
  const std::filesystem::path base = directory_ / request.common_name;
  const std::filesystem::path certificate = base.string() + ".crt", key = base.string() + ".key";
  for (const std::filesystem::path& file : {certificate, key}) {
    if (auto done = refuse_to_overwrite(file, force); !done) return done;
  }
  Result<tls::Issued> issued = authority_.issue(request);
  if (!issued) return issued.error();
  if (auto done = write_file(key, tls::to_pem(issued->key.get()), kSecret); !done) return done;
  return write_file(certificate, tls::to_pem(issued->certificate.get()), kPublic);
}

std::filesystem::path Store::find(const std::string& what) const {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(what, ignored)) return what;
  const std::filesystem::path named = directory_ / (what + ".crt");
  return std::filesystem::is_regular_file(named, ignored) ? named : std::filesystem::path();
}

Result<std::string> Store::revoke(const std::string& what) const {
  Result<std::vector<tls::Revocation>> revoked = revocations();
  if (!revoked) return revoked.error();
  std::string serial;
  if (std::filesystem::path file = find(what); !file.empty()) {
    Result<Entry> entry = read_entry(file, *revoked);
    if (!entry) return entry.error();
    serial = entry->peer.serial;
  } else {
    serial = canonical_serial(what);
    if (serial.empty()) return Error{"'" + what + "' is neither a certificate's file, nor a NAME, nor a serial number"};
  }
  for (const tls::Revocation& revocation : *revoked) {
    if (revocation.serial == serial) return Error{serial + " is revoked already"};
  }
  revoked->push_back({serial, std::chrono::system_clock::now()});
  if (auto done = write_list(*revoked); !done) return done.error();
  return serial;
}

Result<void> Store::write_list() const {
  Result<std::vector<tls::Revocation>> revoked = revocations();
  if (!revoked) return revoked.error();
  return write_list(*revoked);
}

Result<void> Store::write_list(const std::vector<tls::Revocation>& revoked) const {
  // The list lives as long as the authority: it is a file that is copied, and a list that ran out would
  // stop every connection without having kept anyone out.
  const tls::Time now = std::chrono::system_clock::now();
  Result<tls::UniqueX509Crl> crl = authority_.revocation_list(revoked, {now, not_after()});
  if (!crl) return crl.error();
  return write_file(directory_ / "ca.crl", tls::to_pem(crl->get()), kPublic);
}

Result<std::vector<tls::Revocation>> Store::revocations() const {
  std::vector<tls::Revocation> revoked;
  const std::filesystem::path path = directory_ / "ca.crl";
  Result<std::string> text = read_file(path);
  if (!text) return text.error();
  tls::UniqueBio bio(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  tls::UniqueX509Crl crl(PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr));
  if (!crl) return tls::take_error(path.string() + ": not a revocation list in PEM");
  // A list of someone else's would be signed anew as our own.
  tls::UniqueKey key(X509_get_pubkey(const_cast<X509*>(authority_.certificate())));
  if (X509_CRL_verify(crl.get(), key.get()) != 1)
    return tls::take_error(path.string() + ": not signed by this authority");
  STACK_OF(X509_REVOKED)* entries = X509_CRL_get_REVOKED(crl.get());
  for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i) {
    const X509_REVOKED* entry = sk_X509_REVOKED_value(entries, i);
    revoked.push_back(
        {hex_of(X509_REVOKED_get0_serialNumber(entry)), time_of(X509_REVOKED_get0_revocationDate(entry))});
  }
  return revoked;
}

Result<std::vector<Entry>> Store::list() const {
  Result<std::vector<tls::Revocation>> revoked = revocations();
  if (!revoked) return revoked.error();
  std::vector<Entry> entries;
  std::error_code code;
  for (const auto& file : std::filesystem::directory_iterator(directory_, code)) {
    if (file.path().extension() != ".crt" || file.path().filename() == "ca.crt") continue;
    Result<Entry> entry = read_entry(file.path(), *revoked);
    if (!entry) return entry.error();
    entries.push_back(*std::move(entry));
  }
  if (code) return Error{directory_.string() + ": " + code.message()};
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.file < b.file; });
  return entries;
}

Result<Entry> Store::show(const std::string& what) const {
  Result<std::vector<tls::Revocation>> revoked = revocations();
  if (!revoked) return revoked.error();
  const std::filesystem::path file = find(what);
  if (file.empty()) return Error{"'" + what + "' is neither a certificate's file nor a NAME"};
  return read_entry(file, *revoked);
}

}  // namespace sluice::pki
