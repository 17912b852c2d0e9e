// SPDX-License-Identifier: Apache-2.0
#include "tls/testing.hpp"

#include <stdlib.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>

namespace sluice::tls::testing {
namespace {

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return *std::move(result);
}

Validity from_now(std::chrono::seconds lifetime) {
  Time now = std::chrono::system_clock::now();
  return {now - std::chrono::hours(48), now + lifetime};
}

void write_file(const std::filesystem::path& path, const std::string& text) { std::ofstream(path) << text; }

}  // namespace

Pki::Pki() : authority_(must(Authority::create("test authority", from_now(std::chrono::hours(24))))) {
  std::string pattern = (std::filesystem::temp_directory_path() / "sluice-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  directory_ = pattern;
  write_file(directory_ / "ca.crt", to_pem(authority_.certificate()));
  write_crl();
}

Pki::~Pki() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

Identity Pki::write(const std::string& name, const Request& request) {
  Issued issued = must(authority_.issue(request));
  Identity identity{directory_ / (name + ".crt"), directory_ / (name + ".key"), directory_ / "ca.crt",
                    directory_ / "ca.crl"};
  write_file(identity.certificate, to_pem(issued.certificate.get()));
  write_file(identity.key, to_pem(issued.key.get()));
  std::filesystem::permissions(identity.key, std::filesystem::perms::owner_read);
  return identity;
}

Identity Pki::gateway(const std::string& network, std::chrono::hours lifetime) {
  return write("gw1", {.common_name = "gw1",
                       .names = {{PeerName::Role::gateway, network, ""}},
                       .dns = {"localhost"},
                       .ip = {"127.0.0.1"},
                       .validity = from_now(lifetime)});
}

Identity Pki::agent(const std::string& name, const std::string& network, std::chrono::hours lifetime) {
  return write(name, {.common_name = name,
                      .names = {{PeerName::Role::agent, network, name}},
                      .dns = {},
                      .ip = {},
                      .validity = from_now(lifetime)});
}

Identity Pki::kds(const std::string& realm, std::chrono::hours lifetime) {
  return write("kds-" + realm, {.common_name = "kds1",
                                .names = {{PeerName::Role::kds, realm, ""}},
                                .dns = {"localhost"},
                                .ip = {"127.0.0.1"},
                                .validity = from_now(lifetime)});
}

Identity Pki::holder(PeerName::Role role, const std::string& name, const std::string& realm,
                     std::chrono::seconds lifetime) {
  return write(
      name, {.common_name = name, .names = {{role, realm, name}}, .dns = {}, .ip = {}, .validity = from_now(lifetime)});
}

void Pki::revoke(const Identity& identity) {
  std::ifstream stream(identity.certificate);
  std::ostringstream text;
  text << stream.rdbuf();
  UniqueX509 certificate = must(certificate_from_pem(text.str()));
  revoked_.push_back({Peer::from_certificate(certificate.get()).serial, std::chrono::system_clock::now()});
  write_crl();
}

void Pki::write_crl() {
  UniqueX509Crl crl = must(authority_.revocation_list(revoked_, from_now(std::chrono::hours(24))));
  write_file(directory_ / "ca.crl", to_pem(crl.get()));
}

TcpPair tcp_pair(asio::io_context& context, int buffer) {
  tcp::acceptor acceptor(context);
  acceptor.open(tcp::v4());
  if (buffer != 0) acceptor.set_option(tcp::socket::receive_buffer_size(buffer));
  if (buffer != 0) acceptor.set_option(tcp::socket::send_buffer_size(buffer));
  acceptor.bind(tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  acceptor.listen();
  TcpPair pair{tcp::socket(context), tcp::socket(context)};
  pair.first.open(tcp::v4());
  if (buffer != 0) pair.first.set_option(tcp::socket::receive_buffer_size(buffer));
  if (buffer != 0) pair.first.set_option(tcp::socket::send_buffer_size(buffer));
  pair.first.connect(acceptor.local_endpoint());
  acceptor.accept(pair.second);
  pair.first.native_non_blocking(true);
  pair.second.native_non_blocking(true);
  return pair;
}

Result<TlsPair> tls_pair(asio::io_context& context, const Context& server, const Context& client, int buffer) {
  TcpPair tcp = tcp_pair(context, buffer);
  UniqueSsl server_ssl = must(server.new_session(tcp.first.native_handle()));
  UniqueSsl client_ssl = must(client.new_session(tcp.second.native_handle(), "127.0.0.1"));
  TlsPair pair{Stream(std::move(tcp.first), std::move(server_ssl)),
               Stream(std::move(tcp.second), std::move(client_ssl))};
  std::optional<Result<void>> server_done, client_done;
  auto shake = [](Stream& stream, std::optional<Result<void>>& done) -> Task<void> {
    done = co_await stream.handshake(Duration(5000));
    // As programs do: a side that fails hangs up, which tells the other.
    if (!*done) stream.close();
  };
  asio::co_spawn(context, shake(pair.server, server_done), asio::detached);
  asio::co_spawn(context, shake(pair.client, client_done), asio::detached);
  context.restart();
  context.run();
  std::string failure;
  if (!*server_done) failure = "server: " + server_done->error().message + "\n";
  if (!*client_done) failure += "client: " + client_done->error().message;
  if (!failure.empty()) return Error{failure};
  return pair;
}

void run(asio::io_context& context, Task<void> task) {
  asio::co_spawn(context, std::move(task), [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  });
  context.restart();
  context.run();
}

}  // namespace sluice::tls::testing
