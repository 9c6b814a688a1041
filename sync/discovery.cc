// SPDX-License-Identifier: Apache-2.0
#include "sync/discovery.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace bounced::sync {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr Seconds look_every = 1h;
constexpr Backoff subusers_retry{30s, 15min};
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
      next = std::max<Seconds>(subusers_retry.delay(++state.failures),
                               std::min<Seconds>(fault->retry_after.value_or(0s), 15min));
      looked.failed = true;
      observer_.on(CustomersNotListed{name, api::name(fault->kind), fault->message, next});
    } else {
      state.failures = 0;
      const auto& listed = std::get<std::vector<api::Subuser>>(answer);
      looked.changed = believe(name, state, listed) || looked.changed;
      tell_disabled(name, state, listed);
      if (state.holding) next = subusers_retry.base;
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
  const api::NextTurn next_turn = [this, &account]() -> asio::awaitable<void> {
    const bool may_call = co_await accounts_.may_call(account, CallTurns::Use::poll);
    if (!may_call) throw NoTurn();
  };
  try {
    co_await next_turn();
    co_return co_await client->list_customers(next_turn);
  } catch (const NoTurn&) {
  }
  co_return api::Fault{api::Fault::Kind::unavailable, "the account is paused", {}, 0};
}

// Whether the account has other customers now.
bool Discovery::believe(const std::string& account, State& state, const std::vector<api::Subuser>& listed) {
  std::set<std::string> unique;
  for (const api::Subuser& subuser : listed) unique.insert(subuser.name);
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
                                    subusers_retry.base});
    return false;
  }
  const bool changed = known == nullptr || !vanished.empty() || !added.empty();
  if (!changed) return false;
  accounts_.set_found(account, std::move(names));
  observer_.on(CustomersListed{account, unique.size(), added, vanished});
  return true;
}

void Discovery::tell_disabled(const std::string& account, State& state, const std::vector<api::Subuser>& listed) {
  std::vector<std::string> disabled;
  for (const api::Subuser& subuser : listed) {
    if (subuser.disabled) disabled.push_back(subuser.name);
  }
  std::ranges::sort(disabled);
  const std::vector<std::string> more = less(disabled, std::exchange(state.disabled, disabled));
  if (!more.empty()) observer_.on(CustomersDisabled{account, more});
}

}  // namespace bounced::sync
