// SPDX-License-Identifier: Apache-2.0
#include "tests/simulator/simulator.h"

#include <strings.h>

#include <atomic>

#include "tests/simulator/accounts.h"
#include "tests/simulator/behaviour.h"
#include "tests/simulator/certificates.h"
#include "tests/simulator/lists.h"
#include "tests/simulator/record.h"
#include "tests/simulator/server.h"
#include "tests/simulator/session.h"
#include "tests/simulator/v2.h"
#include "tests/simulator/v3.h"

namespace bounced::simulator {
std::string Call::parameter(std::string_view name) const {
  for (const auto& [have, value] : parameters) {
    if (have == name) return value;
  }
  return "";
}

bool Call::has_parameter(std::string_view name) const {
  for (const auto& [have, value] : parameters) {
    if (have == name) return true;
  }
  return false;
}

std::string Call::header(std::string_view name) const {
  for (const auto& [have, value] : headers) {
    if (have.size() == name.size() && strncasecmp(have.data(), name.data(), name.size()) == 0) return value;
  }
  return "";
}

std::string Call::task() const {
  return is_v3() ? v3_task(*this) : parameter("task");
}

class Simulator::Impl {
 public:
  explicit Impl(const Options& options)
      : tls(options.tls),
        v2(lists, accounts, options.time_zone),
        v3(lists, accounts, options.time_zone),
        record(options.keep_calls),
        server(options.port, context(), record, [this](Transport& transport, std::uint64_t connection) {
          serve(transport, connection, {v2, v3}, behaviour, record);
        }) {
    accounts.add(options.user, options.key);
  }

  [[nodiscard]] Context context() const { return tls ? certificates.context(certificate, tls_kind) : nullptr; }

  const bool tls;
  Certificates certificates;
  std::mutex mutex;  // of the next two
  Certificate certificate = Certificate::good;
  Tls tls_kind = Tls::good;
  Lists lists;
  Accounts accounts;
  V2 v2;
  V3 v3;
  Behaviour behaviour;
  Record record;
  std::atomic<std::uint64_t> made_up = 0;
  Server server;  // last: its threads use the others
};

Simulator::Simulator(Options options) : impl_(std::make_unique<Impl>(options)) {}
Simulator::~Simulator() = default;

std::uint16_t Simulator::port() const {
  return impl_->server.port();
}
std::string Simulator::base_url() const {
  return (impl_->tls ? "https://localhost:" : "http://localhost:") + std::to_string(port());
}
std::string Simulator::ca_file() const {
  return impl_->certificates.ca_file().string();
}
void Simulator::stop() {
  impl_->server.stop();
}
void Simulator::start() {
  impl_->server.start();
}

void Simulator::use_certificate(Certificate certificate) {
  const std::lock_guard lock(impl_->mutex);
  impl_->certificate = certificate;
  impl_->server.set_context(impl_->context());
}

void Simulator::use_tls(Tls tls) {
  const std::lock_guard lock(impl_->mutex);
  impl_->tls_kind = tls;
  impl_->server.set_context(impl_->context());
}

void Simulator::reset_connections(std::uint64_t count) {
  impl_->server.reset_next(count);
}
void Simulator::close_idle() {
  impl_->server.close_idle();
}

void Simulator::add_account(std::string user, std::string key) {
  impl_->accounts.add(std::move(user), std::move(key));
}
void Simulator::remove_account(const std::string& user) {
  impl_->accounts.remove(user);
}

void Simulator::set_own_customer(std::string user, std::string customer) {
  add_customer(customer);
  impl_->accounts.set_own_customer(std::move(user), std::move(customer));
}
void Simulator::set_disabled(const std::string& customer, bool disabled) {
  impl_->v3.set_disabled(customer, disabled);
}

void Simulator::add_customer(const std::string& customer) {
  impl_->lists.change(customer, [](BounceList&) {});
}
void Simulator::remove_customer(const std::string& customer) {
  impl_->lists.forget(customer);
}
std::vector<std::string> Simulator::customers() const {
  return impl_->lists.customers();
}

void Simulator::add(const std::string& customer, Bounce bounce) {
  impl_->lists.change(customer, [&](BounceList& list) { list.add(std::move(bounce)); });
}

void Simulator::set(const std::string& customer, std::vector<Bounce> bounces) {
  impl_->lists.change(customer, [&](BounceList& list) {
    list = BounceList(list.style);
    for (Bounce& bounce : bounces) list.add(std::move(bounce));
  });
}

void Simulator::generate(const std::string& customer, std::uint64_t seed, std::uint64_t count) {
  impl_->lists.change(customer, [&](BounceList& list) {
    list = BounceList({.escape_unicode = (seed & 1) != 0,
                       .xml_declaration = (seed & 2) == 0,
                       .xml_empty_tag = (seed & 4) != 0,
                       .email_first = (seed & 8) != 0});
    list.generate({seed, count});
  });
}

void Simulator::clear(const std::string& customer) {
  set(customer, {});
}

void Simulator::set_style(const std::string& customer, Style style) {
  impl_->lists.change(customer, [&](BounceList& list) { list.style = style; });
}

std::uint64_t Simulator::remove(const std::string& customer, std::string_view email) {
  return impl_->lists.change(customer, [&](BounceList& list) { return list.remove(email); });
}

bool Simulator::remove_at(const std::string& customer, std::uint64_t place) {
  return impl_->lists.change(customer, [&](BounceList& list) { return list.remove_at(place); });
}

bool Simulator::change_reason(const std::string& customer, std::uint64_t place, std::string reason) {
  return impl_->lists.change(customer, [&](BounceList& list) { return list.change_reason(place, std::move(reason)); });
}

std::optional<Bounce> Simulator::at(const std::string& customer, std::uint64_t place) const {
  const auto list = impl_->lists.snapshot(customer);
  Bounce bounce;
  if (!list || !(*list)->write(place, Text::plain, bounce)) return std::nullopt;
  return bounce;
}

std::uint64_t Simulator::size(const std::string& customer) const {
  const auto list = impl_->lists.snapshot(customer);
  return list ? (*list)->size() : 0;
}

void Simulator::pack(const std::string& customer) {
  impl_->v2.pack(customer);
}

void Simulator::add_some(const std::string& customer, std::uint64_t count) {
  // Behind the places that generated lists use, with numbers of five digits in the addresses.
  constexpr std::uint64_t first_place = 50'000'000;
  const Generated generated(0, 0);
  const std::string now = impl_->v2.local_time(0);
  impl_->lists.change(customer, [&](BounceList& list) {
    while (count > 0) {
      const std::uint64_t place = first_place + impl_->made_up++;
      if (generated.repeats_address(place)) continue;
      Bounce bounce;
      generated.write(place, Text::plain, bounce);
      bounce.created = now;
      list.add(std::move(bounce));
      --count;
    }
  });
}

std::uint64_t Simulator::remove_some(const std::string& customer, std::uint64_t count) {
  return impl_->lists.change(customer, [&](BounceList& list) { return list.remove_some(count); });
}

void Simulator::answer(Calls calls, Answer answer, std::uint64_t times) {
  impl_->behaviour.add(std::move(calls), std::move(answer), times);
}
void Simulator::clear_answers() {
  impl_->behaviour.clear();
}
void Simulator::set_hook(std::function<std::optional<Answer>(const Call&)> hook) {
  impl_->behaviour.set_hook(std::move(hook));
}
void Simulator::set_days(Days days) {
  impl_->v2.set_days(days);
}
void Simulator::set_v3(V3Behaviour behaviour) {
  impl_->v3.set_behaviour(behaviour);
}
void Simulator::limit_v3(std::uint64_t requests, std::chrono::seconds per) {
  impl_->v3.set_limit(requests, per);
}
void Simulator::set_framing(std::optional<Framing> framing, std::size_t chunk) {
  impl_->behaviour.set_framing(framing, chunk);
}
void Simulator::set_gzip(Gzip gzip) {
  impl_->behaviour.set_gzip(gzip);
}

void Simulator::release() {
  impl_->behaviour.release();
  impl_->server.ring_all();
}

std::vector<Call> Simulator::calls() const {
  return impl_->record.calls();
}
void Simulator::forget_calls() {
  impl_->record.forget();
}
Counters Simulator::counters() const {
  return impl_->record.counters();
}

bool Simulator::wait_for(const std::function<bool(const Counters&)>& wanted, std::chrono::milliseconds limit) const {
  return impl_->record.wait_for(wanted, limit);
}
bool Simulator::wait_for_calls(std::uint64_t count, std::chrono::milliseconds limit) const {
  return wait_for([&](const Counters& counters) { return counters.calls >= count; }, limit);
}
bool Simulator::wait_for_held(std::uint64_t count, std::chrono::milliseconds limit) const {
  return wait_for([&](const Counters& counters) { return counters.held >= count; }, limit);
}

}  // namespace bounced::simulator
