// SPDX-License-Identifier: Apache-2.0
#include "tests/support/counts.h"

#include <gtest/gtest.h>

#include "db/pqxx_compat.h"
#include "tests/support/cluster.h"

namespace bounced::test {
namespace {

// Each row: what is counted, by what, and how often by the mirror and by the view.
constexpr const char* differences = R"(
with facts as (
  select c.name as customer, lower(split_part(m.email, '@', -1)) as domain, (array['Unclassified', 'Invalid Address', 'Mailbox Unavailable', 'Technical Failure', 'Content', 'Reputation',
                'Frequency or Volume'])[coalesce(m.class, 0) + 1] as class, coalesce(m.class, 0) as class_number,
         coalesce(m.reason_key, 0) as reason_key, (m.gone_at is null)::int as current, day.*
    from bounced.mirror m
    join bounced.customers c using (customer_id)
   cross join lateral (values
     ((coalesce(m.bounced_at, m.first_seen_at) at time zone 'UTC')::date, 1, (m.gone_at is null)::int, 0, 0, 0, 0),
     ((m.first_seen_at at time zone 'UTC')::date, 0, 0, 1, 0, 0, 0),
     ((m.gone_at at time zone 'UTC')::date, 0, 0, 0, (m.gone_because = 'deleted')::int,
      (m.gone_because = 'disappeared')::int, (m.gone_because = 'superseded')::int))
     as day (day, bounced, is_current, arrived, deleted, disappeared, superseded)
), counted as (
  select 'customer_bounces_by_day' as view, concat_ws(' ', customer, day, class) as what,
         array[sum(bounced), sum(is_current), sum(arrived), sum(deleted), sum(disappeared), sum(superseded)]::bigint[]
           as numbers
    from facts where day is not null group by customer, day, class
  union all
  select 'bounces_by_day', concat_ws(' ', day, class),
         array[sum(bounced), sum(is_current), sum(arrived), sum(deleted), sum(disappeared), sum(superseded)]::bigint[]
    from facts where day is not null group by day, class
  union all
  select 'bounces_by_domain', domain,
         array[sum(bounced), sum(is_current), coalesce(sum(is_current) filter (where class_number = 0), 0),
               coalesce(sum(is_current) filter (where class_number = 1), 0),
               coalesce(sum(is_current) filter (where class_number = 2), 0),
               coalesce(sum(is_current) filter (where class_number = 3), 0),
               coalesce(sum(is_current) filter (where class_number = 4), 0),
               coalesce(sum(is_current) filter (where class_number = 5), 0),
               coalesce(sum(is_current) filter (where class_number = 6), 0)]::bigint[]
    from facts group by domain
  union all
  select 'reasons', concat_ws(' ', reason_key, class_number), array[sum(bounced), sum(is_current)]::bigint[]
    from facts group by reason_key, class_number
  union all
  select 'all days', concat_ws(' ', customer, class_number), array[sum(bounced), sum(is_current)]::bigint[]
    from facts group by customer, class_number
), shown as (
  select 'customer_bounces_by_day' as view, concat_ws(' ', customer, day, class) as what,
         array[bounced, current, arrived, deleted, disappeared, superseded] as numbers
    from bounced.customer_bounces_by_day
  union all
  select 'bounces_by_day', concat_ws(' ', day, class),
         array[bounced, current, arrived, deleted, disappeared, superseded]
    from bounced.bounces_by_day
  union all
  select 'bounces_by_domain', domain,
         array[bounced, current, unclassified, invalid_address, mailbox_unavailable, technical_failure, content,
               reputation, frequency_or_volume]::bigint[]
    from bounced.bounces_by_domain
  union all
  select 'reasons', concat_ws(' ', n.reason_key, coalesce(n.class, 0)),
         array[sum(n.bounced), sum(n.current)]::bigint[]
    from (select reason_key, class, bounced, current from bounced.reason_counts
          union all
          select reason_key, class, bounced, current from bounced.count_changes where reason_key is not null) n
   group by n.reason_key, n.class
  union all
  select 'all days', concat_ws(' ', c.name, coalesce(n.class, 0)),
         array[sum(n.bounced), sum(n.current)]::bigint[]
    from (select customer_id, class, bounced, current from bounced.customer_counts
          union all
          select customer_id, class, bounced, current from bounced.count_changes where day is not null) n
    join bounced.customers c using (customer_id)
   group by c.name, n.class
)
select coalesce(string_agg(format('%s of %s: %s instead of %s', view, what, s.numbers, c.numbers), E'\n'), '')
  from counted c
  full join (select * from shown where 0 <> any (numbers)) s using (view, what)
 where s.numbers is distinct from c.numbers and coalesce(0 <> any (c.numbers), true)
)";

}  // namespace

std::string differences_of_counts(const std::string& url) {
  std::string found = query_value(url, differences);
  if (query_value(url, "select pg_is_in_recovery()") == "t") return found;
  execute(url, "begin; set transaction read write; select bounced.fold_counts(null); commit");
  const std::string after = query_value(url, differences);
  if (!after.empty()) found += "\nafter they are added up: " + after;
  return found;
}

void expect_right_counts(const std::string& url) {
  try {
    if (query_value(url, "select to_regclass('bounced.count_changes')") == "null") return;
  } catch (const pqxx::broken_connection&) {
    return;
  }
  EXPECT_EQ(differences_of_counts(url), "");
}

}  // namespace bounced::test
