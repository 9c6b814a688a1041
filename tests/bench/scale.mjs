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
const step = 1_000_000;
for (let done = 0; done < bounces; done += step) {
  const count = Math.min(step, bounces - done);
  await sql(`set bounced.daemon = 'on'; insert into bounced.mirror (customer_id, email, bounced_at, status, reason,
               first_seen_at, last_seen_at, gone_at, gone_because)
             select 1 + n % ${customers}, 'person' || n || '@domain' || n % 50021 || '.example', t - interval '1 h', '5.1.1',
                    '550 5.1.1 The email account that you tried to reach does not exist', t, t,
                    case when n % 5 = 0 then t + interval '9 days' end, case when n % 5 = 0 then 'disappeared' end
               from (select n, timestamptz '2026-01-01' + n * interval '1 year' / ${bounces} as t
                       from generate_series(${done}, ${done + count - 1}) n) s; reset bounced.daemon`);
  if (done % (10 * step) === 0) say(`bounces: ${done + count}`);
}
for (let done = 0; done < finished; done += step) {
  const count = Math.min(step, finished - done);
  await sql(`insert into bounced.deletion_history (request_id, customer, email, customer_id, requested_at, requested_by, state,
               outcome, attempts, interruptions, next_attempt_at, finished_at)
             select n + 1, 'c' || n % ${customers}, 'person' || n || '@x.example', 1 + n % ${customers}, t, 'postgres', 'done',
                    'deleted', 0, 0, t, t
               from (select n, now() - interval '300 days' * (${finished} - n) / ${finished} as t
                       from generate_series(${done}, ${done + count - 1}) n) s`);
}
const superuser = new pg.Client({ connectionString: process.env.BENCH_SUPERUSER_URL });
await superuser.connect();
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
result.milliseconds = { status: await timed(() => run('status')), 'status --check': await timed(() => run('status', '--check').catch(() => {})) };
for (const [name, query] of Object.entries({
  address: `select * from bounced.bounces where email = 'person4711@domain4711.example' order by bounced_at`,
  domain: `select customer, email, status, reason from bounced.current_bounces where domain = 'domain4711.example'`,
  'since yesterday': `select customer, email from bounced.current_bounces
     where first_seen_at > timestamptz '2026-12-31' order by first_seen_at`,
  'gone in a week': `select customer, email from bounced.bounces
     where gone_at > timestamptz '2026-12-31' order by gone_at desc`,
  'a day, per class': `select bounced_at::date as day, left(status, 1) as class, count(*) from bounced.bounces
     where bounced_at > timestamptz '2026-12-31' group by 1, 2`,
  'requests of a day': `select request_id from bounced.deletion_requests where state = 'failed'`,
})) result.milliseconds[name] = await timed(() => sql(query));
say(`milliseconds, the median of five: ${JSON.stringify(result.milliseconds)}`);
result.bytesPerBounce = Math.round(Number(await one(`select pg_total_relation_size('bounced.mirror')`)) / bounces);
await superuser.end();
await finish(result);
