// SPDX-License-Identifier: Apache-2.0
#include "client/daemon.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <random>

#include "base/log.hpp"
#include "base/unique_fd.hpp"
#include "client/route.hpp"
#include "client/runtime.hpp"
#include "client/turn.hpp"
#include "client/turn_process.hpp"

namespace sluice::client {
namespace {

using namespace std::chrono_literals;
using Clock = Schedule::Clock;

constexpr auto tick = 1s;                   // how often packets are counted
constexpr std::size_t text_most = 1 << 16;  // of what the daemon tells
constexpr auto turn_most = 300s;            // all that a turn waits for has a time of its own, in all far less
constexpr auto turn_patience = 3s;          // with one that is to end: what it makes is made, or undone

sigset_t our_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int one : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, one);
  return set;
}

// The file whose lock says that a daemon lives, and which holds what it tells of itself.
class StateFile {
 public:
  static Result<StateFile> create() {
    const std::string path = runtime::daemon_path().string();
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!fd) return system_error(path, errno);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
      return errno == EWOULDBLOCK ? Error{"it runs already (`sluice-client status`)", EBUSY}
                                  : system_error(path, errno);
    return StateFile(std::move(fd));
  }
  void write(const nlohmann::json& json) const {
    const std::string text = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    if (::ftruncate(fd_.get(), 0) != 0 || ::pwrite(fd_.get(), text.data(), text.size(), 0) < 0)
      spdlog::warn("{}", system_error(runtime::daemon_path().string(), errno).message);
  }
  static void remove() { ::unlink(runtime::daemon_path().c_str()); }

 private:
  explicit StateFile(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

Result<TurnProcess> start_turn(const OnlineOptions& options) {
  std::vector<std::string> words{"sluice-client", "turn"};
  const auto add = [&words](const char* name, const std::optional<std::string>& value) {
    if (value) words.insert(words.end(), {name, *value});
  };
  if (options.config) add("--config", options.config->string());
  add("--gateway", options.choice.gateway);
  add("--network", options.choice.network);
  return TurnProcess::start("/proc/self/exe", std::move(words));
}

Turned failed(std::string words) { return {Outcome::failed, {}, {}, {}, std::move(words)}; }

// What came of a turn whose process has ended.
Result<Turned> turned_of(TurnProcess& process) {
  auto told = process.told();
  if (!told) return told.error();
  auto turned = turned_from_text(*told);
  if (!turned) return Error{"its process told nothing (" + turned.error().message + ")", EBADMSG};
  return turned;
}

// Without the process that holds its socket a tunnel in UDP carries nothing.
bool has_keeper(const Record& record) { return !record.keeper || PidFile::living(); }

class Daemon {
 public:
  Daemon(OnlineOptions options, UniqueFd signals, StateFile state)
      : options_(std::move(options)), signals_(std::move(signals)), state_(std::move(state)) {}

  void run() {
    adopt();
    tell();  // status and down see from the start who has it
    while (!stopped_) {
      const auto now = Clock::now();
      if (schedule_.end() && now >= *schedule_.end()) lose("the time of its key is over, and no other was granted");
      if (now >= schedule_.next()) {
        take_turn();
        continue;
      }
      if (schedule_.end()) count(now);
      tell();
      wait(-1, due());
    }
    take_down();
    runtime::forget_ticket();
    StateFile::remove();
    spdlog::info("ended");
  }

 private:
  // A tunnel that an earlier daemon, or `up`, has left: its users need not notice.
  void adopt() {
    const auto record = RecordFile::look();
    if (!record || !*record || !(*record)->grant) return;
    const auto& grant = *(*record)->grant;
    const bool whole = has_keeper(**record);
    const auto left = std::chrono::seconds(grant.end - runtime::boot_seconds());
    if (!whole || left <= 0s) return lose(whole ? "the time of its key is over" : "its process has ended");
    spdlog::info("the tunnel to {} of {} is up already", grant.network, grant.gateway);
    schedule_.adopt(Clock::now() + left);
  }

  void take_turn() {
    // From before it is asked whether there is a policy here: what changes meanwhile counts.
    if (schedule_.end()) {
      routes_.reset();
    } else if (auto watch = watch_routes(); watch) {
      routes_ = *std::move(watch);
    }
    if (process_ && !process_->ended()) return heed(failed("the process of an earlier turn does not end"));
    if (process_) (void)process_->told();  // reaped
    process_.reset();
    auto process = start_turn(options_);
    if (!process) return heed(failed(process.error().message));
    process_.emplace(*std::move(process));
    const Turned turned = await_turn();
    if (!stopped_) heed(turned);
  }

  // No longer than the tunnel that is up has its time: it is taken down then, whatever keeps the turn.
  Turned await_turn() {
    const auto begin = Clock::now();
    const auto until = std::min(begin + turn_most, schedule_.end().value_or(Schedule::Time::max()));
    while (!stopped_ && Clock::now() < until && !wait(process_->handle(), until)) {
    }
    const bool late = !process_->ended();
    const bool ended = process_->end(turn_patience);
    auto turned = ended ? turned_of(*process_) : Result<Turned>(Error{"its process does not end", EBUSY});
    if (ended) process_.reset();
    if (turned) return *std::move(turned);
    // It may have made or changed something before.
    if (!stopped_) adopt();
    const auto took = std::chrono::floor<std::chrono::seconds>(Clock::now() - begin).count();
    return failed((late ? "not done after " + std::to_string(took) + " s: " : "") + turned.error().message);
  }

  void heed(Turned turned) {
    const auto now = Clock::now();
    schedule_.turned(turned.outcome, turned.times, now, turned.retry_after);
    const auto in = std::chrono::ceil<std::chrono::seconds>(schedule_.next() - now).count();
    const bool good = turned.outcome == Outcome::granted || turned.outcome == Outcome::renewed ||
                      turned.outcome == Outcome::no_policy;
    const std::string words = (turned.server.empty() ? "" : turned.server + ": ") +
                              std::string(to_string(turned.outcome)) +
                              (turned.words.empty()             ? ""
                               : turned.words.starts_with('\n') ? turned.words
                                                                : ": " + turned.words);
    // What does not change is told once.
    if (!last_ || turned.outcome != last_->outcome || turned.words != last_->words ||
        turned.outcome == Outcome::granted)
      spdlog::log(good ? spdlog::level::info : spdlog::level::warn, "{}; next in {} s", words, in);
    last_ = std::move(turned);
  }

  void count(Schedule::Time now) {
    if (now < next_count_) return;
    next_count_ = now + tick;
    const auto record = RecordFile::look();
    const bool whole = !record || !*record || has_keeper(**record);
    if (const auto traffic = client::traffic(); traffic && whole)
      return schedule_.counted(traffic->out, traffic->in, now);
    lose(whole ? "its associations are gone" : "its process has ended");
    schedule_.hurry(now);
  }

  void lose(const char* why) {
    spdlog::warn("the tunnel is taken down: {}", why);
    take_down();
    schedule_.ended();
  }

  static void take_down() {
    const auto record = RecordFile::look();
    if (record && *record && !(*record)->grant) return;  // somebody else's, of a key file
    if (auto done = down(); !done) spdlog::error("down: {}", done.error().message);
  }

  // When there is something to do again, where nothing comes.
  [[nodiscard]] Schedule::Time due() const {
    return schedule_.end() ? std::min({schedule_.next(), *schedule_.end(), next_count_}) : schedule_.next();
  }

  // Until then, a signal comes, or the handle (-1: none) is readable: then true.
  bool wait(int handle, Schedule::Time until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    const bool asleep = handle < 0 && schedule_.asleep();
    pollfd waiting[3] = {{signals_.get(), POLLIN, 0}, {handle, POLLIN, 0}, {asleep ? routes_.get() : -1, POLLIN, 0}};
    if (::poll(waiting, 3, static_cast<int>(std::max<std::int64_t>(left, 0))) < 0) return false;
    if (waiting[2].revents != 0 && routes_changed(routes_)) schedule_.network_changed(Clock::now());
    signalfd_siginfo signal{};
    if (waiting[0].revents != 0 && ::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
      if (signal.ssi_signo == SIGHUP)
        schedule_.hurry(Clock::now());
      else
        stopped_ = true;
    }
    return waiting[1].revents != 0;
  }

  void tell() {
    const auto in = std::chrono::ceil<std::chrono::seconds>(schedule_.next() - Clock::now()).count();
    const nlohmann::json json{{"process", ::getpid()},
                              {"outcome", last_ ? to_string(last_->outcome) : "asking"},
                              {"server", last_ ? last_->server : ""},
                              {"words", last_ ? last_->words : ""},
                              {"next", runtime::boot_seconds() + in}};
    if (json == told_) return;
    told_ = json;
    state_.write(json);
  }

  OnlineOptions options_;
  UniqueFd signals_;
  UniqueFd routes_;  // tells when one comes or goes; none while there is a tunnel
  StateFile state_;
  std::optional<TurnProcess> process_;  // of a turn; one that did not end stays until it does
  std::mt19937_64 generator_{std::random_device{}()};
  Schedule schedule_{[this] { return std::uniform_real_distribution<double>()(generator_); }, Clock::now()};
  Schedule::Time next_count_ = Clock::now();
  std::optional<Turned> last_;
  nlohmann::json told_;
  bool stopped_ = false;
};

}  // namespace

int run_daemon(const OnlineOptions& options) {
  set_up_logging(false);
  if (auto settings = read_settings(options); !settings) return fail_settings(settings.error());
  if (auto may = runtime::need_rights(); !may) return fail(may.error());
  auto state = StateFile::create();
  if (!state) return fail(state.error(), state.error().number == EBUSY ? exit_already : exit_failed);
  const sigset_t set = our_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  UniqueFd signals(::signalfd(-1, &set, SFD_CLOEXEC));
  if (!signals) return fail(system_error("signalfd", errno));
  Daemon(options, std::move(signals), *std::move(state)).run();
  return 0;
}

int run_turn(const OnlineOptions& options) {
  set_up_logging(false);
  runtime::forbid_dumps();
  auto settings = read_settings(options);
  const Turned turned =
      settings ? turn(*settings, options.choice) : Turned{Outcome::failed, {}, {}, {}, settings.error().message};
  std::printf("%s\n", to_text(turned).c_str());
  return 0;
}

std::optional<nlohmann::json> daemon_status() {
  UniqueFd fd(::open(runtime::daemon_path().c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::flock(fd.get(), LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK) return {};
  std::string text(text_most, '\0');
  const ssize_t size = ::pread(fd.get(), text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("next")) return {};
  json["next_in"] = std::max<std::int64_t>(json["next"].get<std::int64_t>() - runtime::boot_seconds(), 0);
  json.erase("next");
  return json;
}

}  // namespace sluice::client
