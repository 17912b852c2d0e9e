// SPDX-License-Identifier: Apache-2.0
//
// sluice-agent: start-up, signals, and the loop.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "agent/agent.hpp"
#include "base/log.hpp"
#include "base/socket.hpp"
#include "metrics/exposer.hpp"

int main(int argc, char** argv) {
  using namespace sluice;

  std::string path = "/etc/sluice/agent.toml";
  bool check = false, verbose = false;
  CLI::App app{"Connects a far network to a Sluice gateway.", "sluice-agent"};
  app.add_option("--config", path, "Configuration file")->capture_default_str();
  app.add_flag("--check", check, "Read the configuration and the certificates, say what is wrong, and end");
  app.add_flag("--verbose", verbose, "Log every offer and every stream");
  app.set_version_flag("--version", "sluice-agent " SLUICE_VERSION);
  CLI11_PARSE(app, argc, argv);
  set_up_logging(verbose);

  Result<agent::Settings> settings = agent::Settings::load(path);
  if (!settings) {
    std::fprintf(stderr, "%s\n", settings.error().message.c_str());
    return EXIT_FAILURE;
  }
  Result<tls::Context> context = tls::Context::create(tls::Role::client, settings->identity);
  if (!context) {
    std::fprintf(stderr, "%s\n", context.error().message.c_str());
    return EXIT_FAILURE;
  }
  if (check) return EXIT_SUCCESS;

  // Two descriptors for each connection carried.
  if (Result<unsigned long> files = raise_open_files(); !files) spdlog::warn("{}", files.error().message);

  asio::io_context io(1);
  const std::optional<Endpoint> metrics_at = settings->metrics;
  agent::Agent agent(io.get_executor(), *std::move(settings), *std::move(context));
  std::unique_ptr<metrics::Exposer> exposer;
  if (metrics_at) {
    auto measure = [&agent](metrics::Reply reply) { agent.measure(std::move(reply)); };
    auto opened = metrics::Exposer::open(*metrics_at, {"sluice-agent", io.get_executor(), measure, nullptr});
    if (!opened) {
      std::fprintf(stderr, "%s\n", opened.error().message.c_str());
      return EXIT_FAILURE;
    }
    exposer = *std::move(opened);
  }
  asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&agent](const boost::system::error_code& code, int) {
    if (!code) agent.stop();
  });
  asio::co_spawn(io, agent.run(), [&io](std::exception_ptr failure) {
    // Connections were reset already; dials that are still under way are not waited for.
    io.stop();
    if (failure) std::rethrow_exception(failure);
  });
  io.run();
  return EXIT_SUCCESS;
}
