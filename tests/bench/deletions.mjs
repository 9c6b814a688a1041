// SPDX-License-Identifier: Apache-2.0
// The deletion queue, measured: throughput beside graphile-worker, latency, fairness, and the health of its table.
// Run by ./dev bench, which starts PostgreSQL and the simulator and says in the environment where they are.
import { readFileSync } from 'node:fs';
import https from 'node:https';
import pg from 'pg';
import { Logger, run as runGraphile, runMigrations } from 'graphile-worker';
import { ca, control, db, finish, get, machine, one, processorTime, quantile, quick, say, sleep, sql, url,
  withDaemon } from './common.mjs';

const customers = Array.from({ length: 10 }, (_, i) => `c${i}`);
const inFlight = 8; // calls at once, for everybody
const requests = quick ? 2000 : 20000;
const rounds = quick ? 1 : 3;

const agent = new https.Agent({ keepAlive: true, maxSockets: inFlight, ca: readFileSync(ca) });
const median = (values) => quantile([...values].sort((a, b) => a - b), 0.5);

const drained = async () => {
  while (await one(`select exists (select from bounced.deletion_requests where state in ('pending', 'sending'))`)) {
    await sleep(50);
  }
};

// The addresses that every contender deletes, and a clean table for each.
async function prepare() {
  await sql('drop table if exists addresses, peer_mirror');
  await sql(`create table addresses as select customer, email from (select distinct customer, email
             from bounced.current_bounces where customer = any ($1)) s order by md5(email) limit $2`, [customers, requests]);
}

async function runBounced() {
  await sql('truncate bounced.deletion_queue, bounced.deletion_history');
  await sql(`update bounced.mirror set gone_at = null, gone_because = null where gone_at is not null`);
  await sql('vacuum analyze bounced.mirror');
  return withDaemon(async (pid) => {
    const cpu = processorTime(pid);
    const began = await one(`with put as (insert into bounced.deletion_requests (customer, email)
                             select customer, email from addresses) select clock_timestamp()`);
    const committed = await one('select clock_timestamp()');
    await drained();
    const seconds = await one(`select extract(epoch from max(finished_at) - $1)::float8 from bounced.deletion_requests`,
      [committed]);
    const done = Number(await one(`select count(*) from bounced.current_bounces join addresses using (customer, email)`));
    if (done !== 0) throw new Error(`${done} addresses are still current (since ${began})`);
    return { perSecond: requests / seconds, cpu: processorTime(pid) - cpu };
  });
}

async function runPeer(worker) {
  await sql('drop schema if exists graphile_worker cascade');
  await sql('drop table if exists peer_mirror');
  await sql(`create table peer_mirror as select customer, email, null::timestamptz as gone_at from bounced.bounces
             where customer = any ($1)`, [customers]);
  await sql('create index on peer_mirror (customer, email)');
  await sql('vacuum analyze peer_mirror');
  const pgPool = new pg.Pool({ connectionString: url, max: inFlight + 2 });
  pgPool.on('error', () => {});
  pgPool.on('connect', (client) => client.on('error', () => {}));
  const preset = { worker: { concurrentJobs: inFlight, ...worker } };
  await runMigrations({ pgPool, preset });
  const taskList = {
    // What a user writes: make the call, look at the answer, note it in the database.
    remove: async ({ customer, email }, helpers) => {
      const query = new URLSearchParams({ api_user: 'reseller', api_key: 'dev-key', method: 'bounces', user: customer,
        task: 'delete', email });
      const answer = await get(`/apiv2/reseller.manage.json?${query}`, agent);
      const { message } = JSON.parse(answer.body);
      if (answer.status !== 200 || message !== 'success') throw new Error(`HTTP ${answer.status}: ${answer.body}`);
      await helpers.query('update peer_mirror set gone_at = clock_timestamp() where customer = $1 and email = $2',
        [customer, email]);
    },
  };
  const runner = await runGraphile({ pgPool, preset, taskList, noHandleSignals: true,
    logger: new Logger(() => (level, message) => { if (level === 'error') console.error(message); }) });
  const cpu = process.cpuUsage();
  await sql(`select graphile_worker.add_jobs(array(select json_populate_record(null::graphile_worker.job_spec,
             json_build_object('identifier', 'remove', 'payload', json_build_object('customer', customer, 'email', email)))
             from addresses))`);
  const committed = await one('select clock_timestamp()');
  while (Number(await one('select count(*) from graphile_worker._private_jobs')) > 0) await sleep(100);
  const used = process.cpuUsage(cpu);
  await runner.stop();
  await pgPool.end();
  const seconds = await one('select extract(epoch from max(gone_at) - $1)::float8 from peer_mirror', [committed]);
  return { perSecond: requests / seconds, cpu: (used.user + used.system) / 1e6 };
}

async function throughput() {
  await prepare();
  await control('answer', { body: '{"message":"success"}', content_type: 'application/json', times: 0 });
  const contenders = {
    'bounced': runBounced,
    'graphile-worker, batched': () => runPeer({ localQueue: { size: 500 }, completeJobBatchDelay: 250, failJobBatchDelay: 250 }),
    'graphile-worker, default': () => runPeer({}),
  };
  const results = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 1; round <= rounds; ++round) {
    for (const [name, contender] of Object.entries(contenders)) {
      const result = await contender();
      say(`round ${round}: ${name}: ${Math.round(result.perSecond)} requests/s`);
      results[name].push(result);
    }
  }
  await control('clear-answers');
  const base = median(results['graphile-worker, batched'].map((r) => r.perSecond));
  return Object.entries(results).map(([name, runs]) => ({
    name, requestsPerSecond: Math.round(median(runs.map((r) => r.perSecond))),
    ofBatched: +(median(runs.map((r) => r.perSecond)) / base).toFixed(2),
    processorSeconds: +median(runs.map((r) => r.cpu)).toFixed(1),
  }));
}

// From the answer to a COMMIT to the call's arrival at the simulator.
async function latency() {
  const times = [];
  await sql('truncate bounced.deletion_queue, bounced.deletion_history');
  await withDaemon(async () => {
    const client = await db.connect();
    const count = quick ? 100 : 1000;
    for (let i = 0; i < count; ++i) {
      const before = await control('last-deletion');
      await client.query('insert into bounced.deletion_requests (customer, email) values ($1, $2)', ['c0', `l${i}@x.org`]);
      const committed = (performance.timeOrigin + performance.now()) * 1000;
      await sleep(10);
      let arrived;
      while ((arrived = await control('last-deletion')) === before) await sleep(2);
      times.push((Number(arrived) - committed) / 1000);
    }
    client.release();
  });
  times.sort((a, b) => a - b);
  return { requests: times.length, medianMs: +quantile(times, 0.5).toFixed(2), p99Ms: +quantile(times, 0.99).toFixed(2),
    maxMs: +times.at(-1).toFixed(2), fsyncMs: +(Number(process.env.BENCH_FSYNC_US) / 1000).toFixed(3) };
}

// One request beside another customer's many, with a slow API.
async function fairness() {
  const pending = quick ? 5000 : 100000;
  const slow = 20;
  await sql('truncate bounced.deletion_queue, bounced.deletion_history');
  await control('slow', { ms: slow });
  const single = [];
  try {
    await withDaemon(async () => {
      await sql(`insert into bounced.deletion_requests (customer, email) select 'c0', 'f' || i || '@x.org'
                 from generate_series(1, $1::int) i`, [pending]);
      await sleep(500);
      for (let i = 0; i < 20; ++i) {
        const id = await one(`insert into bounced.deletion_requests (customer, email) values ('c1', $1) returning request_id`,
          [`s${i}@x.org`]);
        while (await one('select state <> $2 from bounced.deletion_requests where request_id = $1', [id, 'done'])) await sleep(3);
        single.push((await sql(`select extract(epoch from s.finished_at - s.requested_at)::float8 * 1000 as ms,
          (select count(*) from bounced.deletion_requests b where b.customer = 'c0'
             and b.finished_at between s.requested_at and s.claimed_at)::int as calls
          from bounced.deletion_requests s where s.request_id = $1`, [id]))[0]);
      }
      await sql(`update bounced.deletion_requests set state = 'cancelled' where state = 'pending'`);
    });
  } finally {
    await control('slow', { ms: 0 });
  }
  return { pending, callMs: slow, medianMs: Math.round(median(single.map((s) => s.ms))),
    maxMs: Math.round(Math.max(...single.map((s) => s.ms))),
    maxOthersFinishedBefore: Math.max(...single.map((s) => s.calls)) };
}

// Many requests while a transaction is open that keeps all dead rows.
async function health() {
  const count = quick ? 10000 : 200000;
  await sql('truncate bounced.deletion_queue, bounced.deletion_history');
  await control('answer', { body: '{"message":"Email does not exist"}', content_type: 'application/json', times: 0 });
  const report = await db.connect();
  await report.query('begin isolation level repeatable read');
  await report.query('select count(*) from bounced.deletion_requests');
  await withDaemon(async () => {
    await sql(`insert into bounced.deletion_requests (customer, email) select 'c' || i % 10, 'h' || i || '@x.org'
               from generate_series(1, $1::int) i`, [count]);
    await drained();
  });
  const slices = (await sql(`select extract(epoch from max(finished_at) - min(finished_at))::float8 as s from (select finished_at,
     ntile(10) over (order by finished_at) as slice from bounced.deletion_requests) t group by slice order by slice`))
    .map((row) => Math.round(count / 10 / row.s));
  const size = async () => ({ table: await one(`select pg_size_pretty(pg_table_size('bounced.deletion_queue'))`),
    indexes: await one(`select pg_size_pretty(pg_indexes_size('bounced.deletion_queue'))`),
    deadRows: Number(await one(`select n_dead_tup from pg_stat_user_tables where relname = 'deletion_queue'`)) });
  await sleep(1500);
  const during = await size();
  const plan = (await sql(`explain (analyze, costs off, timing off, summary off, buffers) select request_id
     from bounced.deletion_queue q where q.state = 'pending' and q.customer_id = 1
      and (q.next_attempt_at, q.request_id) > (now() - interval '1 second', 0) and q.next_attempt_at <= now()
    order by q.next_attempt_at, q.request_id limit 8 for no key update skip locked`)).map((row) => Object.values(row)[0]);
  const planFromHead = (await sql(`explain (analyze, costs off, timing off, summary off, buffers) select request_id
     from bounced.deletion_queue q where q.state = 'pending' and q.customer_id = 1
      and (q.next_attempt_at, q.request_id) > ('-infinity', 0) and q.next_attempt_at <= now()
    order by q.next_attempt_at, q.request_id limit 8 for no key update skip locked`)).map((row) => Object.values(row)[0]);
  await report.query('commit');
  report.release();
  await sql('vacuum bounced.deletion_queue');
  await sleep(1500);
  const after = await size();
  await control('clear-answers');
  return { requests: count, requestsPerSecondByTenth: slices, lastToFirst: +(slices.at(-1) / slices[0]).toFixed(2), during, after,
    plan, planFromHead };
}

const versions = { postgresql: await one('show server_version'), node: process.version,
  'graphile-worker': JSON.parse(readFileSync(new URL('node_modules/graphile-worker/package.json', import.meta.url))).version };
const result = { date: new Date().toISOString(), machine: machine(), versions };
say(`throughput: ${requests} requests, ${inFlight} calls at once, ${rounds} rounds of each`);
result.throughput = await throughput();
console.table(result.throughput);
say('latency');
result.latency = await latency();
console.table([result.latency]);
say('fairness');
result.fairness = await fairness();
console.table([result.fairness]);
say('health of the table under an old transaction');
result.health = await health();
console.log(result.health);
console.log(result.machine, result.versions);
await finish(result);
agent.destroy();
