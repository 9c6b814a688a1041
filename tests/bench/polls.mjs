// SPDX-License-Identifier: Apache-2.0
// Polls of many customers, measured: how late they are, and what they cost. Run by ./dev bench polls.
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { config, control, finish, machine, one, processorTime, program, quantile, quick, say, sleep, sql,
  withDaemon } from './common.mjs';

const { BENCH_CUSTOMERS: customersFile, BENCH_POSTMASTER: postmaster, BENCH_SIMULATOR: simulator, BENCH_PSQL: psql,
  BENCH_SUPERUSER_URL: superuserUrl } = process.env;
const hourArgument = process.argv.find((argument) => argument.startsWith('--hour'));
const every = 60; // seconds
const chosen = process.argv.find((argument) => argument.startsWith('--customers='))?.split('=')[1].split(',').map(Number);
const numbers = chosen ?? (quick ? [100, 1000] : [100, 1000, 10000, 50000]);

// Seconds of processor time of PostgreSQL, those of sessions that have ended too.
function serverTime() {
  let seconds = processorTime(postmaster, true);
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ')[1] === postmaster) {
        seconds += processorTime(pid);
      }
    } catch {
      // it has ended
    }
  }
  return seconds;
}
const memory = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
const peakMemory = (pid) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
const wal = async () => Number(await one(`select pg_current_wal_lsn() - '0/0'::pg_lsn`));
const sizes = async () => (await sql(`select pg_relation_size('bounced.customers') / 1024 as table_kb,
   (select sum(pg_relation_size(indexrelid)) / 1024 from pg_index where indrelid = 'bounced.customers'::regclass) as indexes_kb,
   pg_relation_size('bounced.customers_due') / 1024 as due_index_kb,
   (select n_dead_tup from pg_stat_user_tables where relid = 'bounced.customers'::regclass) as dead_rows,
   (select coalesce(max(age(relfrozenxid)), 0) from pg_class where relpersistence = 't' and relkind = 'r') as oldest_temporary_table,
   (select age(datfrozenxid) from pg_database where datname = current_database()) as oldest_table`)).map((row) =>
  Object.fromEntries(Object.entries(row).map(([key, value]) => [key, Number(value)])))[0];

// A fresh mirror of so many customers, each polled once.
async function mirror(count) {
  await sql('drop schema if exists bounced cascade');
  writeFileSync(customersFile, Array.from({ length: count }, (_, i) => `c${i}\n`).join(''));
  const began = performance.now();
  execFileSync(program, ['sync', '--config', config], { stdio: ['ignore', 'ignore', 'inherit'] });
  await sql('vacuum analyze bounced.customers, bounced.mirror');
  return Math.round(count / ((performance.now() - began) / 1000));
}

// One list in a hundred changes in each interval.
function changeSome(count) {
  const perSecond = count / 100 / every;
  let stopped = false;
  const ended = (async () => {
    for (let due = 0; !stopped; due += perSecond) {
      for (; due >= 1; --due) {
        await control('add-some', { customer: `c${Math.floor(Math.random() * count)}`, count: 1 });
      }
      await sleep(1000);
    }
  })();
  return async () => {
    stopped = true;
    await ended;
  };
}

// Until nobody is late any more, but no longer than two intervals.
async function settle() {
  for (let i = 0; i < 2 * every; ++i) {
    await sleep(1000);
    const late = await one(`select count(*) from bounced.customers where next_poll_at < now() - interval '1 s'`);
    if (Number(late) === 0) return;
  }
}

// The simulator says when lists were asked for, the database when they should have been: at the customer's phase.
async function lateness(arrivals) {
  const phases = new Map((await sql(`select name, extract(epoch from bounced.next_slot(customer_id, poll_every, 'epoch'))::float8
                                       as phase from bounced.customers`)).map(({ name, phase }) => [name, phase]));
  const polled = new Set();
  const late = [];
  for (const line of arrivals.split('\n').filter((text) => text)) {
    const [name, time] = line.split(' ');
    polled.add(name);
    late.push((((Number(time) / 1e6 - phases.get(name)) % every) + every) % every);
  }
  late.sort((a, b) => a - b);
  return { polls: late.length, notPolled: phases.size - polled.size, late };
}

async function measure(count) {
  say(`${count} customers: mirroring`);
  const filled = await mirror(count);
  const kilobytes = async () => {
    const { table_kb: table, indexes_kb: indexes } = await sizes();
    return `${table} + ${indexes}`;
  };
  const atFirst = await kilobytes();
  return withDaemon(async (pid) => {
    const stopChanges = changeSome(count);
    await settle();
    say(`${count} customers: measuring for ${every} s`);
    await control('polls');
    const before = { daemon: processorTime(pid), server: serverTime(), api: processorTime(simulator), wal: await wal() };
    const began = performance.now();
    await sleep(every * 1000);
    const arrivals = await control('polls');
    const seconds = (performance.now() - began) / 1000;
    const percent = (now, then) => Math.round(((now - then) / seconds) * 100);
    const costs = { daemon: percent(processorTime(pid), before.daemon), server: percent(serverTime(), before.server),
      api: percent(processorTime(simulator), before.api), wal: (await wal()) - before.wal };
    const { polls, notPolled, late } = await lateness(arrivals);
    await stopChanges();
    const ms = (q) => +(quantile(late, q) * 1000).toFixed(1);
    return { customers: count, 'polls/s': +(polls / seconds).toFixed(1), 'not polled in time': notPolled,
      'late: median ms': ms(0.5), 'p99 ms': ms(0.99), 'max ms': +(late.at(-1) * 1000).toFixed(0),
      'daemon CPU %': costs.daemon, 'PostgreSQL CPU %': costs.server, 'simulator CPU %': costs.api,
      'daemon MB': +memory(pid).toFixed(1), 'peak MB': +peakMemory(pid).toFixed(1),
      'WAL bytes/poll': Math.round(costs.wal / polls), 'kB at first': atFirst, 'at last': await kilobytes(), 'first fill polls/s': filled };
  });
}

// As many polls as an hour has, one after the other as fast as they go: what do they leave behind? Five times as fast as
// in an hour, so that autovacuum, too, looks every 12 s instead of every minute.
async function hour(count, polls) {
  const asSuperuser = (command) => execFileSync(psql, [superuserUrl, '-Xqc', command, '-c', 'select pg_reload_conf()'],
    { stdio: ['ignore', 'ignore', 'inherit'] });
  asSuperuser(`alter system set autovacuum_naptime = '12s'`);
  try {
    return await spedUpHour(count, polls);
  } finally {
    asSuperuser('alter system reset autovacuum_naptime');
  }
}

async function spedUpHour(count, polls) {
  say(`${count} customers: mirroring`);
  await mirror(count);
  const start = await sizes();
  const steps = [];
  await withDaemon(async (pid) => {
    const stopChanges = changeSome(count);
    const first = Number(await control('calls'));
    const began = performance.now();
    for (let step = 1; step <= 10; ++step) {
      while (Number(await control('calls')) - first < (polls * step) / 10) await sleep(1000);
      steps.push({ 'polls': (polls * step) / 10, 'seconds': Math.round((performance.now() - began) / 1000),
        ...(await sizes()), 'daemon MB': +memory(pid).toFixed(1) });
      say(`${steps.at(-1).polls} polls after ${steps.at(-1).seconds} s`);
    }
    await stopChanges();
  });
  return { customers: count, start, steps };
}

const result = { date: new Date().toISOString(), machine: machine(), versions: { postgresql: await one('show server_version') } };
if (hourArgument) {
  const count = chosen?.[0] ?? 10000;
  result.hour = await hour(count, Number(hourArgument.split('=')[1] ?? count * 60));
  console.table([{ polls: 0, seconds: 0, ...result.hour.start }, ...result.hour.steps]);
} else {
  result.polls = [];
  for (const count of numbers) {
    result.polls.push(await measure(count));
    console.log(result.polls.at(-1));
  }
  console.table(result.polls);
}
console.log(result.machine, result.versions);
await finish(result);
