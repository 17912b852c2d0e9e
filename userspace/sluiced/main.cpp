// SPDX-License-Identifier: Apache-2.0
//
// sluiced: reads its configuration, makes the threads, and runs the control plane until it is told to end.
//
// Threads: this one is the control thread.  One worker a core carries sessions and streams, and one more datagrams.
// Nothing is shared but messages: the control thread posts to the workers' loops and they to its own.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <memory>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "base/socket.hpp"
#include "sluiced/gateway.hpp"

namespace {

using namespace sluice;
using namespace sluice::gateway;

using Workers = std::vector<std::unique_ptr<Worker>>;

// How long the workers may take to send what the end has to say (RST, close_notify) before they are stopped.
constexpr std::chrono::milliseconds farewell{200};

// One a worker; a session may resume at another worker than it began.
Result<std::vector<tls::Context>> make_contexts(const tls::Identity& identity, std::size_t count) {
  std::vector<tls::Context> contexts;
  while (contexts.size() < count) {
    auto tls = contexts.empty() ? tls::Context::create(tls::Role::server, identity) : contexts.front().twin();
    if (!tls) return tls.error();
    contexts.push_back(*std::move(tls));
  }
  return contexts;
}

struct Threads {
  Workers workers;
  std::unique_ptr<Worker> relay;

  void start() {
    for (const auto& worker : workers) worker->start("sluiced-stream");
    relay->start("sluiced-dgram");
  }
  void stop() {
    for (const auto& worker : workers) worker->stop();
    relay->stop();
  }
};

Result<Threads> make_threads(const tls::Identity& identity) {
  auto contexts = make_contexts(identity, std::max(1u, std::thread::hardware_concurrency()) + 1);
  if (!contexts) return contexts.error();
  Threads threads;
  threads.relay = std::make_unique<Worker>(std::move(contexts->back()));
  contexts->pop_back();
  for (tls::Context& context : *contexts) threads.workers.push_back(std::make_unique<Worker>(std::move(context)));
  return threads;
}

// Settings, certificates and kernel, all or nothing.
Result<void> reload(const std::string& path, Gateway& gateway, Threads& threads) {
  auto settings = load_settings(path);
  if (!settings) return settings.error();
  Workers& workers = threads.workers;
  auto contexts = make_contexts(settings->identity, workers.size() + 1);
  if (!contexts) return contexts.error();
  if (auto done = gateway.reload(*std::move(settings)); !done) return done;
  for (std::size_t i = 0; i < workers.size(); ++i) workers[i]->replace_tls(std::move((*contexts)[i]));
  threads.relay->replace_tls(std::move(contexts->back()));
  return {};
}

int run(const std::string& path, Settings settings, Threads threads) {
  asio::io_context control{1};
  Gateway gateway(control, threads.workers, *threads.relay, std::move(settings));
  int status = EXIT_SUCCESS;
  gateway.on_failure([&](const Error& error) {
    spdlog::critical("{}", error.message);
    status = EXIT_FAILURE;
    control.stop();
  });

  asio::signal_set signals(control, SIGTERM, SIGINT, SIGHUP);
  std::function<void()> wait_for_signal = [&] {
    signals.async_wait([&](boost::system::error_code failure, int signal) {
      if (failure) return;
      if (signal != SIGHUP) return control.stop();
      if (auto done = reload(path, gateway, threads); !done)
        spdlog::error("the configuration stays as it was: {}", done.error().message);
      else
        spdlog::info("configuration read again");
      wait_for_signal();
    });
  };
  wait_for_signal();

  threads.start();
  if (auto started = gateway.start(); !started) {
    spdlog::critical("{}", started.error().message);
    status = EXIT_FAILURE;
  } else {
    spdlog::info("ready");
    control.run();
  }

  gateway.stop();
  std::this_thread::sleep_for(farewell);
  threads.stop();
  spdlog::info("ended");
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"The gateway daemon of Sluice."};
  std::string path = "/etc/sluice/sluiced.toml";
  bool check = false;
  bool verbose = false;
  app.add_option("--config", path, "Configuration file")->capture_default_str();
  app.add_flag("--check", check, "Check the configuration and the certificates, and end");
  app.add_flag("--verbose", verbose, "Log every verdict");
  app.set_version_flag("--version", "sluiced " SLUICE_VERSION);
  CLI11_PARSE(app, argc, argv);

  set_up_logging(verbose);
  std::signal(SIGPIPE, SIG_IGN);
  auto settings = load_settings(path);
  if (!settings) {
    spdlog::critical("{}", settings.error().message);
    return EXIT_FAILURE;
  }
  auto threads = make_threads(settings->identity);
  if (!threads) {
    spdlog::critical("{}", threads.error().message);
    return EXIT_FAILURE;
  }
  if (check && settings->kds) {
    if (auto contexts = KdsLink::make_contexts(settings->kds->identity); !contexts) {
      spdlog::critical("{}", contexts.error().message);
      return EXIT_FAILURE;
    }
  }
  if (check) return EXIT_SUCCESS;
  if (auto limit = raise_open_files(); !limit) spdlog::warn("{}", limit.error().message);
  return run(path, *std::move(settings), *std::move(threads));
}
