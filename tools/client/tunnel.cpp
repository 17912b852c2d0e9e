// SPDX-License-Identifier: Apache-2.0
#include "client/tunnel.hpp"

#include <signal.h>

#include <chrono>
#include <thread>

#include "client/key_file.hpp"
#include "client/record.hpp"
#include "client/route.hpp"
#include "client/runtime.hpp"
#include "client/xfrm.hpp"

namespace sluice::client {
namespace {

using namespace std::chrono_literals;

constexpr auto keeper_patience = 10s;  // for a keeper that was told to end; it takes milliseconds
// The gateway sends under the old key until it hears the new one: a moment where anything is sent at all.
constexpr auto old_inbound_time = 30s;

struct Kernel {
  Routing routing;
  Xfrm xfrm;

  static Result<Kernel> open() {
    auto routing = Routing::open();
    if (!routing) return routing.error();
    auto xfrm = Xfrm::open();
    if (!xfrm) return xfrm.error();
    return Kernel{*std::move(routing), *std::move(xfrm)};
  }
};

bool is_ipsec(const Step& step) {
  return step.kind == Step::Kind::state || step.kind == Step::Kind::policy || step.kind == Step::Kind::block;
}

// Whatever becomes of one, the others are tried; the first failure is told.
Result<void> undo_all(Kernel& kernel, const Record& record) {
  Result<void> outcome;
  for (auto step = record.made.rbegin(); step != record.made.rend(); ++step) {
    auto done = is_ipsec(*step) ? kernel.xfrm.undo(record.tunnel, *step) : kernel.routing.undo(*step);
    if (!done && outcome) outcome = done.error().in("cannot remove the " + step->to_string());
  }
  return outcome;
}

Result<void> make_all(Kernel& kernel, const KeyFile& keys, const RecordFile& file, Record& record) {
  for (Step step : plan(record.tunnel)) {
    const std::string what = "cannot make the " + step.to_string();
    if (is_ipsec(step)) {
      const bool out = step.way == Step::Way::out;
      if (auto done = kernel.xfrm.make(record.tunnel, step, (out ? keys.outbound : keys.inbound).keying); !done)
        return done.error().in(what);
    } else {
      auto index = kernel.routing.make(record.tunnel, step);
      if (!index) return index.error().in(what);
      if (!*index) continue;
      step.ifindex = **index;
    }
    record.made.push_back(step);
    // After each: whoever is killed in the middle leaves a record of what there is to remove.
    if (auto saved = file.save(record); !saved) return saved;
  }
  return {};
}

Result<Tunnel> describe(Kernel& kernel, const KeyFile& keys, const UpOptions& options) {
  Tunnel tunnel;
  tunnel.gateway = keys.gateway;
  tunnel.udp_port = keys.udp_port;
  tunnel.algorithm = keys.algorithm;
  tunnel.inner = keys.inner;
  tunnel.routes = keys.routes;
  tunnel.outbound = keys.outbound.spi;
  tunnel.inbound = keys.inbound.spi;
  tunnel.tie = keys.outbound.spi.value();
  auto path = kernel.routing.path_to(keys.gateway);
  if (!path) return path.error();
  tunnel.local = path->source;
  tunnel.own_interface = !options.interface;
  tunnel.interface = tunnel.route_device = options.interface.value_or(own_interface_name);
  if (options.interface) {
    auto loopback = kernel.routing.is_loopback(tunnel.interface);
    if (!loopback) return loopback.error();
    // IPv6 takes a route by a loopback for one that rejects.
    if (*loopback) tunnel.route_device = path->device;
  }
  return tunnel;
}

// All but the keys.
bool same_way(const Tunnel& one, const Tunnel& other) {
  return one.gateway == other.gateway && one.local == other.local && one.udp_port == other.udp_port &&
         one.inner == other.inner && one.routes == other.routes && one.interface == other.interface &&
         one.own_interface == other.own_interface && one.route_device == other.route_device;
}

Error already_up(const Record& record) {
  const bool lost = record.keeper && !PidFile::living();
  return {"it is up already, to the gateway " + record.tunnel.gateway.to_string() +
              (lost ? ", but its process has ended: take it down first" : ""),
          EALREADY};
}

std::string summary(const Tunnel& tunnel) {
  std::string text = "up: ";
  for (const Address& inner : tunnel.inner) text += (&inner == tunnel.inner.data() ? "" : ", ") + inner.to_string();
  text += " on " + tunnel.interface + ", by the gateway " + tunnel.gateway.to_string();
  return text + (tunnel.udp_port ? ", in UDP to port " + std::to_string(*tunnel.udp_port) : "");
}

// Undoes all unless told that all is well.
class Attempt {
 public:
  Attempt(Kernel& kernel, const RecordFile& file, const Record& record, const std::optional<PidFile>& pid_file)
      : kernel_(kernel), file_(file), record_(record), pid_file_(pid_file) {}
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  ~Attempt() {
    if (kept_) return;
    // What could not be removed stays on record, for down.
    if (undo_all(kernel_, record_)) file_.remove();
    if (pid_file_) pid_file_->remove();
  }
  void keep() { kept_ = true; }

 private:
  Kernel& kernel_;
  const RecordFile& file_;
  const Record& record_;
  const std::optional<PidFile>& pid_file_;
  bool kept_ = false;
};

Result<void> in_our_namespace(const Record& record) {
  auto here = runtime::network_namespace();
  if (!here) return here.error();
  if (*here == record.network_namespace) return {};
  return Error{"it was brought up in another network namespace (net:[" + std::to_string(record.network_namespace) +
                   "]); if that is gone, remove " + runtime::record_path().string(),
               EXDEV};
}

// True if it is gone.
bool gone_within(std::chrono::steady_clock::duration patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (PidFile::living()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(10ms);
  }
  return true;
}

Result<void> end_keeper() {
  const auto pid = PidFile::living();
  if (!pid) return {};
  if (::kill(*pid, SIGTERM) != 0 && errno != ESRCH) return system_error("process " + std::to_string(*pid), errno);
  if (gone_within(keeper_patience)) return {};
  ::kill(*pid, SIGKILL);
  if (gone_within(keeper_patience)) return {};
  return Error{"process " + std::to_string(*pid) + " does not end", EBUSY};
}

Result<void> make_state(Xfrm& xfrm, const KeyFile& keys, const Tunnel& tunnel, bool out) {
  Step step;
  step.kind = Step::Kind::state;
  step.way = out ? Step::Way::out : Step::Way::in;
  return xfrm.make(tunnel, step, (out ? keys.outbound : keys.inbound).keying);
}

// The new SAs beside the old ones.  A key may be replaced because somebody else has it, too, who could say under it
// what he likes in the gateway's name: the old inbound SA gets an end, which the kernel sees to.  That comes before the
// new outbound SA: whoever is killed in between leaves a tunnel that is not whole, which is taken down, and none that
// goes on with the old SA.
Result<void> exchange(Xfrm& xfrm, const KeyFile& keys, const Tunnel& old, const Tunnel& tunnel) {
  if (auto made = make_state(xfrm, keys, tunnel, false); !made) return made;
  if (auto limited = xfrm.limit(old, false, old_inbound_time); !limited) {
    // Some packets are lost rather than the key kept.
    if (auto gone = xfrm.remove(old, old.inbound, false); !gone) return gone;
  }
  return make_state(xfrm, keys, tunnel, true);
}

// True if there was something.
Result<bool> remove_all() {
  auto file = RecordFile::lock();
  if (!file) return file.error();
  auto record = file->load();
  if (!record) return record.error();
  if (*record) {
    if (auto ours = in_our_namespace(**record); !ours) return ours.error();
    auto kernel = Kernel::open();
    if (!kernel) return kernel.error();
    if (auto undone = undo_all(*kernel, **record); !undone) return undone.error();
  }
  file->remove();
  return record->has_value();
}

nlohmann::json describe_association(const Tunnel& tunnel, bool out, const std::optional<Xfrm::Counters>& counters) {
  nlohmann::json json{{"spi", tunnel.spi(out).to_string()}, {"installed", counters.has_value()}};
  if (!counters) return json;
  json["packets"] = counters->packets;
  json["bytes"] = counters->bytes;
  if (!out) {
    json["replayed"] = counters->replayed;
    json["forged"] = counters->forged;
  }
  return json;
}

}  // namespace

Result<std::string> up(const UpOptions& options) {
  runtime::forbid_dumps();
  auto keys = KeyFile::load(options.key_file);
  if (!keys) return keys.error();
  return up(*keys, options);
}

Result<std::string> up(const KeyFile& keys, const UpOptions& options) {
  runtime::forbid_dumps();
  if (auto may = runtime::need_rights(); !may) return may.error();
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  keeper::hold_signals();  // whoever wants us to end waits until there is something whole to take down
  auto file = RecordFile::lock();
  if (!file) return file.error();
  auto before = file->load();
  if (!before) return before.error();
  if (*before) return already_up(**before);

  Record record;
  record.keeper = keys.udp_port || options.foreground;
  record.grant = options.grant;
  record.since =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  std::optional<PidFile> pid_file;
  Attempt attempt(*kernel, *file, record, pid_file);
  auto here = runtime::network_namespace();
  if (!here) return here.error();
  record.network_namespace = *here;
  auto tunnel = describe(*kernel, keys, options);
  if (!tunnel) return tunnel.error();
  record.tunnel = *std::move(tunnel);
  if (record.keeper) {
    auto created = PidFile::create();
    if (!created) return created.error();
    pid_file.emplace(*std::move(created));
  }
  UniqueFd socket;
  if (keys.udp_port) {
    auto opened = keeper::open_socket(record.tunnel.local, {record.tunnel.gateway, *keys.udp_port});
    if (!opened) return opened.error();
    socket = *std::move(opened);
    record.tunnel.local_port = keeper::local_port(socket.get());
  }
  if (auto made = make_all(*kernel, keys, *file, record); !made) return made.error();

  const keeper::Descriptors descriptors{pid_file ? pid_file->fd() : -1, socket.get()};
  if (options.foreground) {
    if (auto written = pid_file->write(::getpid()); !written) return written.error();
    return keeper::exec(descriptors);
  }
  if (record.keeper) {
    auto pid = keeper::spawn(descriptors);
    if (!pid) return pid.error();
    if (auto written = pid_file->write(*pid); !written) {
      ::kill(*pid, SIGKILL);
      return written.error();
    }
  }
  attempt.keep();
  return summary(record.tunnel);
}

Result<bool> replace(const KeyFile& keys, const UpOptions& options) {
  runtime::forbid_dumps();
  auto kernel = Kernel::open();
  if (!kernel) return kernel.error();
  keeper::hold_signals();
  auto file = RecordFile::lock();
  if (!file) return file.error();
  auto before = file->load();
  if (!before) return before.error();
  if (!*before) {
    file->remove();
    return false;
  }
  if ((*before)->keeper && !PidFile::living()) return false;
  if (auto ours = in_our_namespace(**before); !ours) return ours.error();
  const Tunnel& old = (*before)->tunnel;
  auto described = describe(*kernel, keys, options);
  if (!described) return described.error();
  if (!same_way(old, *described)) return false;

  Record record = **before;
  record.tunnel = *described;
  record.tunnel.local_port = old.local_port;
  record.tunnel.tie = old.tie;
  record.tunnel.before = old.outbound;
  record.grant = options.grant;
  if (old.before)
    for (const bool out : {true, false})
      if (auto gone = kernel->xfrm.remove(old, out ? *old.before : old.before->reverse(), out); !gone)
        return gone.error();
  // First: whoever is killed in the middle leaves a record of what there is to remove.
  if (auto saved = file->save(record); !saved) return saved.error();
  if (auto made = exchange(kernel->xfrm, keys, old, record.tunnel); !made) {
    for (const bool out : {true, false}) (void)kernel->xfrm.remove(record.tunnel, record.tunnel.spi(out), out);
    (void)kernel->xfrm.limit(old, false, {});
    (void)file->save(**before);
    return made.error();
  }
  // The kernel takes the newer of two, by the second: only when this is gone is it sure.
  if (auto gone = kernel->xfrm.remove(old, old.outbound, true); !gone) return gone.error();
  return true;
}

Result<void> go_on(derivation::Spi outbound, std::int64_t end) {
  keeper::hold_signals();  // half a record is none
  auto file = RecordFile::lock();
  if (!file) return file.error();
  auto record = file->load();
  if (!record) return record.error();
  if (!*record || !(*record)->grant || (*record)->tunnel.outbound != outbound) {
    if (!*record) file->remove();
    return Error{"the tunnel is not up any more", ESRCH};
  }
  (*record)->grant->end = end;
  return file->save(**record);
}

std::optional<Traffic> traffic() {
  const auto record = RecordFile::look();
  if (!record || !*record) return {};
  auto xfrm = Xfrm::open();
  if (!xfrm) return {};
  auto out = xfrm->counters((*record)->tunnel, true);
  auto in = xfrm->counters((*record)->tunnel, false);
  if (!out || !in || !*out || !*in) return {};
  return Traffic{(*out)->packets, (*in)->packets};
}

Result<bool> down() {
  if (auto may = runtime::need_rights(); !may) return may.error();
  auto record = RecordFile::look();
  if (!record) return record.error();
  if (*record)
    if (auto ours = in_our_namespace(**record); !ours) return ours.error();
  const bool lived = PidFile::living().has_value();
  if (auto ended = end_keeper(); !ended) return ended.error();
  // What the keeper did not do, because there was none or it was killed.
  auto removed = remove_all();
  if (!removed) return removed.error();
  std::error_code ignored;
  std::filesystem::remove(runtime::pid_path(), ignored);
  return *removed || lived;
}

Result<nlohmann::json> status() {
  auto record = RecordFile::look();
  if (!record) return record.error();
  if (!*record) return nlohmann::json{{"state", "down"}};
  if (auto may = runtime::need_rights(); !may) return may.error();
  if (auto ours = in_our_namespace(**record); !ours) return ours.error();
  const Tunnel& tunnel = (*record)->tunnel;
  auto xfrm = Xfrm::open();
  if (!xfrm) return xfrm.error();
  nlohmann::json json = to_json(tunnel);
  for (const char* internal : {"own_interface", "route_device", "tie", "before"}) json.erase(internal);
  bool whole = true;
  for (const bool out : {true, false}) {
    auto counters = xfrm->counters(tunnel, out);
    if (!counters) return counters.error();
    whole = whole && counters->has_value();
    json[out ? "outbound" : "inbound"] = describe_association(tunnel, out, *counters);
  }
  const auto pid = PidFile::living();
  json["process"] = pid ? nlohmann::json(*pid) : nlohmann::json();
  whole = whole && (pid.has_value() || !(*record)->keeper);
  json["since"] = (*record)->since;
  if (const auto& grant = (*record)->grant) {
    json["gateway_name"] = grant->gateway;
    json["network"] = grant->network;
    json["ends_in"] = std::max<std::int64_t>(grant->end - runtime::boot_seconds(), 0);
  }
  json["state"] = whole ? "up" : "broken";
  return json;
}

Result<void> keep(const keeper::Descriptors& descriptors) {
  const PidFile pid_file{UniqueFd(descriptors.pid_file)};
  const UniqueFd socket(descriptors.socket);
  auto kept = keeper::run(descriptors);
  auto removed = remove_all();
  pid_file.remove();
  if (!kept) return kept;
  return removed ? Result<void>() : Result<void>(removed.error());
}

}  // namespace sluice::client
