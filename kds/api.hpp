// SPDX-License-Identifier: Apache-2.0
//
// Api: the paths of the key server's API (Documentation/kds.rst), each for one kind of peer; HTTP in, Service asked,
// HTTP out.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <map>
#include <string>

#include "http/server.hpp"
#include "kds/audit_log.hpp"
#include "kds/complaints.hpp"
#include "kds/service.hpp"

namespace sluice::kds {

class Api {
 public:
  /// How long a challenge counts (Documentation/kds.rst, "Evidence").
  static constexpr std::chrono::seconds nonce_life{60};

  /// Both outlive it.
  Api(Service& service, AuditLog& log);
  ~Api() { service_.on_decisions({}); }
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  Task<http::Response> handle(const http::Request& request, http::Connection& connection);

 private:
  Task<http::Response> device(const http::Request& request, http::Connection& connection, std::string name);
  Task<http::Response> gateway(const http::Request& request, std::string name);
  Task<http::Response> operate(const http::Request& request, std::string name);
  http::Response challenge(http::Connection& connection);
  Task<http::Response> keys(const http::Request& request, http::Connection& connection, std::string name);
  Task<Result<Bytes>> attestation_key(std::string name);
  Task<http::Response> status(std::string name);
  Task<http::Response> devices(std::string after);
  Task<http::Response> gateways();
  Task<http::Response> audit_after(std::uint64_t after);

  /// By an error's number; one that no rule gives goes to the log, and its words nowhere else.
  http::Response failed(const Error& error);
  http::Response bad_evidence(const Error& error);
  void complain(const std::string& words);
  bool tell_faults(const Party& device, const KeyAnswer& answer, const AuditDetail& detail);

  /// False: it asks more often than it may.
  bool within(const std::string& who, std::uint32_t a_minute);
  Result<void> note(const Party& actor, AuditAction action, const Party& subject, AuditOutcome outcome,
                    AuditDetail detail);

  struct Window {
    std::chrono::steady_clock::time_point began;
    std::uint32_t count = 0;
  };
  Service& service_;
  AuditLog& log_;
  Complaints complaints_;
  std::map<std::string, Window> windows_;  // by authenticated names, so that strangers do not make it grow
};

}  // namespace sluice::kds
