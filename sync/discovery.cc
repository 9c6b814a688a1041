// SPDX-License-Identifier: Apache-2.0
#include "sync/discovery.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <iterator>
#include <set>
#include <utility>

#include "sync/api/stopped.h"
#include "sync/cancelled.h"
#include "sync/wakeup.h"

namespace bounced::sync {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr Seconds look_every = 1h;
// Customers of which nothing is known yet wait for it.
Backoff subusers_retry(const Account& account) {
  return {15s, std::clamp<Seconds>(account.settings.schedule.every, 20s, 15min)};
}
// A list that lacks most customers is asked for again after so long.
constexpr Seconds again_after = 30s;
// Of so many customers or more, most do not leave at once: such a list is asked for again before it is believed.
constexpr std::size_t many = 10;

std::vector<std::string> less(const std::vector<std::string>& all, const std::vector<std::string>& without) {
  std::vector<std::string> rest;
  std::ranges::set_difference(all, without, std::back_inserter(rest));
  return rest;
}

}  // namespace

void Discovery::recall(const std::map<std::string, std::vector<std::string>>& known) {
  for (const auto& [account, customers] : known) {
    if (accounts_.found(account) != nullptr) continue;
    std::vector<std::string> names = customers;
    std::erase_if(names, [this](const std::string& name) { return accounts_.customers().contains(name); });
    accounts_.set_found(account, std::move(names));
  }
}

asio::awaitable<Discovery::Looked> Discovery::look() {
  Looked looked;
  for (const std::string& name : accounts_.to_be_asked()) {
    if (Clock::now() < states_[name].next) continue;
    // A reload does not take it away from under us.
    const std::shared_ptr<Account> account = accounts_.find(name);
    if (!account) continue;
    const auto answer = co_await ask(*account);
    if (accounts_.find(name) != account) continue;  // configured anew meanwhile: it is asked again
    State& state = states_[name];
    Seconds next = look_every;
    if (const auto* fault = std::get_if<api::Fault>(&answer)) {
      next = std::max<Seconds>(subusers_retry(*account).delay(++state.failures),
                               std::min<Seconds>(fault->retry_after.value_or(0s), 15min));
      looked.failed = true;
      observer_.on(CustomersNotListed{name, api::name(fault->kind), fault->message, next});
    } else {
      state.failures = 0;
      const auto& listed = std::get<std::vector<api::Subuser>>(answer);
      looked.changed = believe(name, state, listed) || looked.changed;
      remark(name, state, listed);
      if (state.holding) next = again_after;
    }
    state.next = Clock::now() + std::chrono::duration_cast<Clock::duration>(next);
  }
  looked.next = look_every;
  for (const std::string& name : accounts_.to_be_asked()) {
    looked.next = std::clamp<Seconds>(states_[name].next - Clock::now(), 1s, looked.next);
  }
  co_return looked;
}

asio::awaitable<std::variant<std::vector<api::Subuser>, api::Fault>> Discovery::ask(Account& account) {
  const std::shared_ptr<api::Client> client = account.client;
  const auto visit = std::make_shared<Visit>(Visit{.kind = CallKind::subusers, .account = account.settings.name});
  const auto executor = co_await asio::this_coro::executor;
  Wakeup broken_off(executor);
  InFlight::Entry flight =
      accounts_.in_flight().begin("list of customers", account.settings.name, [&broken_off] { broken_off.wake(); });
  const api::Admit admit = [this, &visit, &account, &flight]() -> asio::awaitable<api::Permit> {
    flight.waits_for("its turn", turn_budget + account.settings.rate_limit.per);
    api::Permit permit = co_await accounts_.enter(visit);
    flight.waits_for("the API's answer", answer_budget);
    co_return permit;
  };
  auto [order, error, answer, unused] = co_await asio::experimental::make_parallel_group(
                                            asio::co_spawn(executor, client->list_customers(admit), asio::deferred),
                                            asio::co_spawn(executor, broken_off.wait(), asio::deferred))
                                            .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  if (!error) co_return std::move(answer);
  co_await api::throw_if_stopped();
  std::string why = "the account is paused";
  try {
    std::rethrow_exception(error);
  } catch (const NotAdmitted&) {
  } catch (const std::exception& thrown) {
    if (!was_cancelled(thrown)) throw;
    why = "it took too long, and was broken off";
  }
  co_return api::Fault{api::Fault::Kind::unavailable, std::move(why), {}, 0, api::Fault::Origin::ours};
}

// Whether the account has other customers now.
bool Discovery::believe(const std::string& account, State& state, const std::vector<api::Subuser>& listed) {
  std::set<std::string> unique;
  for (const api::Subuser& subuser : listed) {
    if (!subuser.unusable) unique.insert(subuser.name);
  }
  std::vector<std::string> names(unique.begin(), unique.end());
  const std::vector<std::string>* known = accounts_.found(account);
  const std::vector<std::string> before = known == nullptr ? std::vector<std::string>() : *known;
  const std::vector<std::string> vanished = less(before, names);
  const std::vector<std::string> added = less(names, before);
  state.holding = before.size() >= many && vanished.size() * 2 > before.size() && !state.holding;
  if (state.holding) {
    observer_.on(CustomersNotListed{account, "held",
                                    "the API names " + std::to_string(names.size()) + " of " +
                                        std::to_string(before.size()) +
                                        " customers: it is asked again before that is believed",
                                    again_after});
    return false;
  }
  const bool changed = known == nullptr || !vanished.empty() || !added.empty();
  if (!changed) return false;
  accounts_.set_found(account, std::move(names));
  observer_.on(CustomersListed{account, unique.size(), added, vanished});
  return true;
}

void Discovery::remark(const std::string& account, State& state, const std::vector<api::Subuser>& listed) {
  using Remark = CustomersRemarked::Remark;
  for (const Remark what : {Remark::disabled, Remark::unusable}) {
    std::vector<std::string> names;
    for (const api::Subuser& subuser : listed) {
      if (what == Remark::disabled ? subuser.disabled : subuser.unusable) names.push_back(subuser.name);
    }
    std::ranges::sort(names);
    const std::vector<std::string> more = less(names, std::exchange(state.remarked[what], names));
    if (!more.empty()) observer_.on(CustomersRemarked{account, what, more});
  }
}

}  // namespace bounced::sync
