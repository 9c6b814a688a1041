// SPDX-License-Identifier: Apache-2.0
// A large installation, made by SQL: what an idle daemon costs, and how long `status` and the questions of the README
// take. Options: --customers=N --bounces=N --finished=N --seconds=N. Run by ./dev bench scale, which starts PostgreSQL.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import pg from 'pg';
import { config, finish, one, processorTime, program, quick, quantile, say, sleep, sql, withDaemon } from './common.mjs';

const option = (name, usual, short) =>
  Number(process.argv.find((a) => a.startsWith(`--${name}=`))?.split('=')[1] ?? (quick ? short : usual));
const customers = option('customers', 100_000, 1000);
const bounces = option('bounces', 50_000_000, 100_000);
const finished = option('finished', 20_000_000, 100_000);
const seconds = option('seconds', 60, 10);
const run = (...args) => promisify(execFile)(program, [...args, '--config', config], { maxBuffer: 1 << 28 });

await run('migrate');
say(`${customers} customers, ${bounces} bounces, ${finished} finished requests`);
await sql(`insert into bounced.accounts (name, api) values ('main', 'v2')`);
await sql(`insert into bounced.customers (name, account, time_zone, poll_every, full_every, recent_days, next_poll_at,
             last_poll_at, last_full_at)
           select 'c' || i, 'main', 'America/Los_Angeles', '24h', '24h', 0, now() + interval '12 h' * (1 + random()), now(), now()
             from generate_series(0, $1 - 1) i`, [customers]);

const superuser = new pg.Client({ connectionString: process.env.BENCH_SUPERUSER_URL });
await superuser.connect();
// Indexes and counts are made when all rows are there.
async function fill(table, work) {
  const { rows } = await superuser.query(`select i.indexrelid::regclass as name, pg_get_indexdef(i.indexrelid) as index,
      c.conname, pg_get_constraintdef(c.oid) as constraint
    from pg_index i left join pg_constraint c on c.conindid = i.indexrelid and c.contype = 'p'
   where i.indrelid = $1::regclass`, [table]);
  for (const one of rows) {
    await superuser.query(one.conname ? `alter table ${table} drop constraint ${one.conname}` : `drop index ${one.name}`);
  }
  await superuser.query(`alter table ${table} disable trigger user`);
  await work();
  say(`${table}: indexes`);
  await superuser.query(`set maintenance_work_mem = '1GB'; set max_parallel_maintenance_workers = 2`);
  for (const one of rows) {
    await superuser.query(one.conname ? `alter table ${table} add constraint ${one.conname} ${one.constraint}` : one.index);
  }
  await superuser.query(`alter table ${table} enable trigger user`);
}
const step = 1_000_000;
const steps = async (what, all, insert) => {
  for (let done = 0; done < all; done += step) {
    if (done % (10 * step) === 0) say(`${what}: ${done}`);
    await superuser.query(insert(done, Math.min(done + step, all) - 1));
  }
};
await fill('bounced.mirror', () => steps('bounces', bounces, (first, last) => `
  insert into bounced.mirror (customer_id, email, bounced_at, status, reason, first_seen_at, last_seen_at, gone_at,
                              gone_because, class, class_rules, reason_key, nth)
  select 1 + n % ${customers}, 'person' || n || '@domain' || n % 50021 || '.example', t - interval '1 h',
         case n % 3 when 0 then '4.2.2' else '5.1.1' end,
         '550 5.1.1 The email account that you tried to reach does not exist', t, t,
         case when n % 5 = 0 then t + interval '9 days' end,
         case when n % 5 = 0 then (array['disappeared', 'deleted', 'superseded'])[1 + n % 3] end,
         n % 7, 1, 1000 + n % 20011, case when n % 20 = 1 then 2 else 1 end
    from (select n, now() - interval '1 year' + n * interval '1 year' / ${bounces} as t
            from generate_series(${first}, ${last}) n) s`));
await superuser.query(`insert into bounced.reasons select 1000 + n, '550 reason ' || n, '550 reason ' || n || ' for somebody'
                         from generate_series(0, 20010) n`);
const counting = Date.now();
await superuser.query(`set work_mem = '256MB'; select bounced.recount(); reset work_mem`);
say(`counted anew in ${((Date.now() - counting) / 1000).toFixed(0)} s`);
await fill('bounced.deletion_history', () => steps('finished requests', finished, (first, last) => `
  insert into bounced.deletion_history (request_id, customer, email, customer_id, requested_at, requested_by, state,
                                        outcome, attempts, interruptions, next_attempt_at, finished_at)
  select n + 1, 'c' || n % ${customers}, 'person' || n || '@x.example', 1 + n % ${customers}, t, 'postgres', 'done',
         'deleted', 0, 0, t, t
    from (select n, now() - interval '300 days' * (${finished} - n) / ${finished} as t
            from generate_series(${first}, ${last}) n) s`));
// What newer rules would do in the background is not what an idle daemon costs.
await superuser.query(`update bounced.classification set finished_at = now(), passes = 2`);
await superuser.query('vacuum analyze');

const activity = async () => {
  await sleep(1500); // sessions report once a second
  const { rows: [row] } = await superuser.query(`select (blks_read + blks_hit)::bigint as pages, tup_returned::bigint as rows,
    xact_commit::bigint as transactions, pg_current_wal_insert_lsn() - '0/0' as wal from pg_stat_database
    where datname = current_database()`);
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)]));
};
const result = { customers, bounces, finished };
const began = Date.now();
await withDaemon(async (pid) => {
  result.startSeconds = (Date.now() - began) / 1000;
  await sleep(15_000); // the first look at everything
  const before = await activity();
  const cpu = processorTime(pid);
  await sleep(seconds * 1000);
  const after = await activity();
  result.idleMinute = Object.fromEntries(Object.keys(before).map((name) =>
    [name, Math.round((after[name] - before[name]) * 60 / (seconds + 1.5))]));
  result.idleMinute.cpuSeconds = (processorTime(pid) - cpu) * 60 / (seconds + 1.5);
  result.memoryMiB = Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s*(\d+)/)[1]) / 1024;
});
say(`idle, a minute: ${JSON.stringify(result.idleMinute)}; ${result.memoryMiB.toFixed(0)} MiB; start ${result.startSeconds} s`);

const timed = async (work) => {
  const times = [];
  for (let i = 0; i < 5; ++i) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return Math.round(quantile(times.sort((a, b) => a - b), 0.5));
};
result.milliseconds = { why: await timed(() => run('why', 'person4711@domain4711.example')), status: await timed(() => run('status')), 'status --check': await timed(() => run('status', '--check').catch(() => {})) };
for (const [name, query] of Object.entries({
  address: `select * from bounced.bounces where email = 'person4711@domain4711.example' order by bounced_at`,
  domain: `select customer, email, status, reason from bounced.current_bounces where domain = 'domain4711.example'`,
  'since yesterday': `select customer, email from bounced.current_bounces
     where first_seen_at > now() - interval '1 day' order by first_seen_at`,
  'gone in a week': `select customer, email from bounced.bounces
     where gone_at > now() - interval '1 day' order by gone_at desc`,
  'a day, per class': `select bounced_at::date as day, left(status, 1) as class, count(*) from bounced.bounces
     where bounced_at > now() - interval '1 day' group by 1, 2`,
  'requests of a day': `select request_id from bounced.deletion_requests where state = 'failed'`,
  bounces_by_day: `select day, class, bounced from bounced.bounces_by_day order by day desc`,
  customer_bounces_by_day: `select * from bounced.customer_bounces_by_day where customer = 'c4711' order by day desc`,
  bounces_by_domain: `select domain, provider, sum(current) from bounced.bounces_by_domain group by 1, 2 order by 3 desc limit 20`,
  top_reasons: `select * from bounced.top_reasons order by current desc limit 20`,
  repeat_bounces: `select * from bounced.repeat_bounces order by times desc limit 100`,
  rebounced_after_deletion: `select * from bounced.rebounced_after_deletion order by first_seen_at desc limit 100`,
  customer_health: `select * from bounced.customer_health order by arrived_7_days desc limit 20`,
})) result.milliseconds[name] = await timed(() => sql(query));
say(`milliseconds, the median of five: ${JSON.stringify(result.milliseconds)}`);
result.bytesPerBounce = Math.round(Number(await one(`select pg_total_relation_size('bounced.mirror')`)) / bounces);
await superuser.end();
await finish(result);
