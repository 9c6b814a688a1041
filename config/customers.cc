// SPDX-License-Identifier: Apache-2.0
#include "config/customers.h"

#include <map>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "config/duration.h"

namespace bounced::config {
namespace {

// Throws std::invalid_argument where the name cannot be one or is taken.
void claim_name(const std::string& name, Place place, CustomerPlaces& places) {
  check_name(name);
  const auto [first, is_first] = places.emplace(name, std::move(place));
  if (!is_first) {
    throw std::invalid_argument("customer " + in_quotes(name) + " is listed before, in " + first->second.file + ':' +
                                std::to_string(first->second.line) + "; a customer is listed once over all accounts");
  }
}

class CustomerReader {
 public:
  CustomerReader(Account& account, CustomerPlaces& places, Report& report)
      : account_(account), places_(places), report_(report) {}

  void read_list(const Node& list, const std::string& path) {
    for (std::size_t i = 0; i < list.entries.size(); ++i) {
      read_item(list.entries[i], path + '[' + std::to_string(i) + ']');
    }
  }

  // One name a line.
  void read_lines(const std::string& file, std::string_view text, const std::string& key) {
    if (const auto fault = find_fault(text)) {
      report_.add_in(file, fault->line, key, fault->message);
      return;
    }
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    const std::size_t before = account_.customers.size();
    bool all_good = true;
    for (int line = 1; !text.empty(); ++line) {
      const std::size_t end = text.find('\n');
      const std::string_view name = name_in(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      if (!name.empty()) all_good = add_line(file, line, std::string(name), key) && all_good;
    }
    if (all_good && account_.customers.size() == before) {
      report_.add_in(file, 0, key, "names no customer; write one name a line, or remove customers_file");
    }
  }

  // v3: `all` asks for all subusers. One of that name is {name: all}.
  [[nodiscard]] bool is_all(const Node& node) const {
    return account_.api == Api::v3 && node.kind == Node::Kind::scalar && node.text == "all";
  }

 private:
  // What a line holds without its comment and the blanks around. As in YAML, # begins a comment at the start of a line
  // or after a blank.
  static std::string_view name_in(std::string_view line) {
    constexpr std::string_view blanks = " \t\r";
    for (std::size_t hash = line.find('#'); hash != std::string_view::npos; hash = line.find('#', hash + 1)) {
      if (hash == 0 || blanks.find(line[hash - 1]) != std::string_view::npos) {
        line = line.substr(0, hash);
        break;
      }
    }
    const std::size_t begin = line.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return line.substr(begin, line.find_last_not_of(blanks) + 1 - begin);
  }

  bool add_line(const std::string& file, int line, std::string name, const std::string& key) {
    try {
      claim_name(name, {file, line}, places_);
    } catch (const std::invalid_argument& error) {
      report_.add_in(file, line, key, error.what());
      return false;
    }
    Customer customer{.name = name, .schedule = account_.schedule, .api_name = name};
    try {
      claim_api_name(customer);
    } catch (const std::invalid_argument& error) {
      report_.add_in(file, line, key, error.what());
      return false;
    }
    account_.customers.push_back(std::move(customer));
    return true;
  }

  void read_item(const Node::Entry& item, std::string path) {
    if (is_all(*item.value)) {
      account_.all_customers = true;
    } else if (item.value->kind == Node::Kind::scalar) {
      add_line(report_.main_file(), item.line, item.value->text, path);
    } else if (item.value->kind == Node::Kind::mapping) {
      Section section(item, std::move(path), report_);
      Customer customer;
      section.require("name", "write the customer's name as the API knows it");
      section.read("name", [&](const std::string& name) {
        claim_name(name, {report_.main_file(), item.line}, places_);
        customer.name = name;
        customer.api_name = name;
      });
      customer.schedule = read_schedule(section, account_.schedule);
      if (account_.api == Api::v3) read_api_name(section, customer);
      section.refuse_others();
      account_.customers.push_back(std::move(customer));
    } else {
      report_.add(item.line, std::move(path), "must be a customer's name, or a mapping as {name: NAME, every: 1h}");
    }
  }

  // v3: the subuser, where it is called otherwise than the customer, or that the list is the account's own.
  void read_api_name(Section& section, Customer& customer) {
    const char* key = "name";
    if (section.find("own") != nullptr) {
      key = "own";
      bool own = false;
      section.read("own", own, {{"true", true}, {"false", false}});
      if (own) customer.api_name.clear();
      if (own && section.find("subuser") != nullptr) {
        section.problem("subuser", "cannot stand beside own: true; the account's own list is no subuser's");
      }
    } else if (section.find("subuser") != nullptr) {
      key = "subuser";
      section.read("subuser", [&](const std::string& subuser) {
        check_name(subuser);
        customer.api_name = subuser;
      });
    }
    if (customer.name.empty()) return;  // which was reported
    try {
      claim_api_name(customer);
    } catch (const std::invalid_argument& error) {
      section.problem(key, error.what());
    }
  }

  // Two customers with one list would be the same bounces twice.
  void claim_api_name(const Customer& customer) {
    const auto [first, is_first] = api_names_.emplace(customer.api_name, customer.name);
    if (is_first) return;
    throw std::invalid_argument(
        (customer.api_name.empty() ? "the account's own list" : "subuser " + in_quotes(customer.api_name)) +
        " is customer " + in_quotes(first->second) + " already; a list is one customer's");
  }

  Account& account_;
  CustomerPlaces& places_;
  Report& report_;
  std::map<std::string, std::string> api_names_;  // and whose they are
};

}  // namespace

Schedule read_schedule(Section& section, const Schedule& inherited) {
  using std::chrono::hours;
  using std::chrono::seconds;
  Schedule schedule = inherited;
  section.read("every", schedule.every, seconds(1));
  section.read("full_every", schedule.full_every, seconds(1));
  // "Recent" for more than a year is a full poll in all but name.
  section.read("recent_days", schedule.recent_days, 0, 366);

  // What is only inherited was reported where it is written.
  const bool has_every = section.find("every") != nullptr;
  const bool has_full_every = section.find("full_every") != nullptr;
  const bool has_recent_days = section.find("recent_days") != nullptr;
  if (!has_every && !has_full_every && !has_recent_days) return schedule;
  // The key that is blamed: of those that stand here, the one that looks least like the default.
  const char* key = has_recent_days ? "recent_days" : has_full_every ? "full_every" : "every";

  // Without recent polls full_every does not matter, and a long `every` beside its default is no mistake.
  if (schedule.full_every < schedule.every && (schedule.recent_days > 0 || has_full_every)) {
    section.problem(has_full_every ? "full_every" : key,
                    "full_every (" + format_duration(schedule.full_every) + ") is shorter than every (" +
                        format_duration(schedule.every) + "); make full_every the longer one");
  } else if (schedule.recent_days > 0 && schedule.every > hours(24) * schedule.recent_days) {
    section.problem(key, "every (" + format_duration(schedule.every) + ") is longer than the " +
                             std::to_string(schedule.recent_days) +
                             " days that a recent poll reads, so it would miss bounces; raise recent_days, lower "
                             "every, or write recent_days: 0");
  }
  return schedule;
}

void read_customers(Section& section, Account& account, CustomerPlaces& places, Report& report) {
  CustomerReader reader(account, places, report);
  const Node::Entry* customers = section.find("customers");
  if (customers != nullptr && reader.is_all(*customers->value)) {
    account.all_customers = true;
  } else if (const Node* list = section.list("customers")) {
    reader.read_list(*list, section.path_of("customers"));
  }
  const bool has_file = section.find("customers_file") != nullptr;
  section.read("customers_file", [&](const std::string& path) {
    check_value(path);
    const std::string file = report.resolve(path).string();
    reader.read_lines(file, read_named_file(file), section.path_of("customers_file"));
  });
  if (!has_file)
    section.require("customers", "list the customers, or write customers_file (or customers: [] for none)");
}

}  // namespace bounced::config
