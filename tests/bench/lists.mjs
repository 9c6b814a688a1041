// SPDX-License-Identifier: Apache-2.0
// One customer's list, measured beside PostgreSQL's own \copy of the same rows and beside the loops that people write.
// Run by ./dev bench lists. Each figure is the median of some rounds; what counts are the ratios of one run.
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { barChart } from './chart.mjs';
import { ca, config, control, finish, get, machine, one, out, processorTime, program, quantile, quick, say, sql,
  url } from './common.mjs';

const { BENCH_PSQL: psql, BENCH_FOLDER: folder, BENCH_SUPERUSER_URL: superuser } = process.env;
const option = (name, otherwise) =>
  process.argv.find((argument) => argument.startsWith(`--${name}=`))?.split('=')[1] ?? otherwise;
const only = option('only')?.split(',');
const wanted = (name) => !only || only.includes(name);
const size = Number(option('size', quick ? 100000 : 1000000));
const rounds = Number(option('rounds', quick ? 1 : 3));
const seed = 7;

const median = (values) => quantile([...values].sort((a, b) => a - b), 0.5);
const seconds = (value) => +value.toFixed(2);

// Seconds that it takes.
async function timed(work) {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

// `bounced sync` of these customers: seconds, peak memory in MiB, seconds of processor time.
async function bounced(...customers) {
  const began = performance.now();
  const child = spawn(program, ['sync', '--config', config, ...customers], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (piece) => (log += piece));
  let peak = 0;
  let cpu = 0;
  const look = setInterval(() => {
    try {
      peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? peak);
      cpu = processorTime(child.pid);
    } catch {
      // it has ended
    }
  }, 10);
  const code = await new Promise((resolve) => child.on('exit', resolve));
  clearInterval(look);
  if (code !== 0) throw new Error(`bounced sync ended with ${code}: ${log}`);
  return { s: (performance.now() - began) / 1000, mib: peak / 1024, cpu };
}

// An empty mirror, and nothing left to write of what was before.
async function fresh() {
  await sql('drop schema if exists bounced cascade');
  execFileSync(program, ['migrate', '--config', config], { stdio: 'ignore' });
}
const asSuperuser = (text) => execFileSync(psql, [superuser, '-Xqc', text]);
const settle = () => asSuperuser('checkpoint');

const forget = () => sql('update bounced.customers set list_print = null');
const wal = async () => Number(await one(`select pg_current_wal_insert_lsn() - '0/0'::pg_lsn`));
// Statistics come a moment after what they tell of.
const mirrorWrites = async () => {
  await pause(1500);
  return Number(await one(`select n_tup_ins + n_tup_upd + n_tup_del from pg_stat_user_tables
                            where schemaname = 'bounced' and relname = 'mirror'`));
};
async function expectRows(customer, count) {
  const rows = Number(await one('select count(*) from bounced.current_bounces where customer = $1', [customer]));
  if (rows !== count) throw new Error(`${customer} has ${rows} current bounces, not ${count}`);
}

// ---- the measure: psql's \copy of the same rows into such a table ----

async function copyFiles(customer) {
  const columns = (await sql(`select string_agg(quote_ident(attname), ', ' order by attnum) as names from pg_attribute
                               where attrelid = 'bounced.mirror'::regclass and attnum > 0 and not attisdropped`))[0].names;
  const rows = `select ${columns} from bounced.mirror where customer_id =
    (select customer_id from bounced.customers where name = '${customer}')`;
  for (const [order, by] of [['sorted', `email, coalesce(bounced_at, '-infinity')`], ['random', 'md5(email), bounced_at']]) {
    execFileSync(psql, [url, '-Xqc', `\\copy (${rows.replace(/\s+/g, ' ')} order by ${by}) to '${folder}/${order}.copy'`]);
  }
}
async function copy(order) {
  await sql('drop table if exists public.raw_copy');
  await sql('create table public.raw_copy (like bounced.mirror including all)');
  settle();
  return timed(() => execFileSync(psql, [url, '-Xqc', `\\copy public.raw_copy from '${folder}/${order}.copy'`]));
}

// ---- the loops that people write ----

const agent = new https.Agent({ keepAlive: true, ca: readFileSync(ca) });
async function usualLoop(customer, rowsPerStatement) {
  await sql('drop table if exists public.bounces_of_loop');
  await sql(`create table public.bounces_of_loop (customer text, email text, bounced_at timestamptz, status text,
             reason text, first_seen timestamptz default now(), last_seen timestamptz default now(),
             primary key (customer, email, bounced_at))`);
  return async () => {
    const query = new URLSearchParams({ api_user: 'reseller', api_key: 'dev-key', method: 'bounces', user: customer,
      task: 'get', date: '1' });
    const { status, body } = await get(`/apiv2/reseller.manage.json?${query}`, agent);
    if (status !== 200) throw new Error(`HTTP ${status}`);
    const unique = new Map(JSON.parse(body).map((bounce) => [`${bounce.email} ${bounce.created}`, bounce]));
    const bounces = [...unique.values()];
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    for (let at = 0; at < bounces.length; at += rowsPerStatement) {
      const values = [];
      const rows = bounces.slice(at, at + rowsPerStatement).map((bounce) => {
        values.push(customer, bounce.email, bounce.created, bounce.status, bounce.reason);
        return `(${[4, 3, 2, 1, 0].map((back) => `$${values.length - back}`)})`;
      });
      await client.query(`insert into public.bounces_of_loop (customer, email, bounced_at, status, reason)
        values ${rows} on conflict (customer, email, bounced_at) do update set last_seen = now(),
        status = excluded.status, reason = excluded.reason`, values);
    }
    await client.end();
  };
}

async function loop(customer, rowsPerStatement) {
  const again = await usualLoop(customer, rowsPerStatement);
  settle();
  const first = await timed(again);
  settle();
  return { first, unchanged: await timed(again) };
}

// ---- what is measured ----

// What many polls of one list leave behind in these tables.
async function health(name, customer, tables, poll, unchanged, changed) {
  const states = [];
  let before = 0;
  const note = async (polls, count) => {
    await pause(1500); // statistics come a moment later
    for (const table of tables) {
      const [state] = await sql(`select pg_relation_size(relid) / 1024 as table_kb, pg_indexes_size(relid) / 1024 as indexes_kb,
        n_live_tup as rows, n_dead_tup as dead, n_tup_upd as updates,
        case when n_tup_upd > 0 then round(100.0 * n_tup_hot_upd / n_tup_upd) end as hot_percent
        from pg_stat_user_tables where relid = $1::regclass`, [table]);
      states.push({ of: name, after: polls, table, 'table kB': +state.table_kb, 'indexes kB': +state.indexes_kb,
        rows: +state.rows, dead: +state.dead, updates: +state.updates, 'HOT %': state.hot_percent && +state.hot_percent,
        'WAL kB/poll': table === tables[0] ? Math.round(((await wal()) - before) / 1024 / count) : null });
    }
    before = await wal();
  };
  before = await wal();
  await poll();
  await note('the first poll', 1);
  for (let i = 0; i < unchanged; ++i) await poll();
  await note(`${unchanged} unchanged`, unchanged);
  for (let i = 0; i < changed; ++i) {
    const some = Math.max(1, Number(await control('size', { customer })) / 2000);
    await control('remove-some', { customer, count: some });
    await control('add-some', { customer, count: some });
    await poll();
  }
  await note(`${changed} with 0.1 % changed`, changed);
  return states;
}

async function generate(customer, count) {
  await control('generate', { customer, seed, count });
}

// One list, through its life. Seconds of each step in each round.
async function life(customer, count, { gzip = false } = {}) {
  const steps = { first: [], 'unchanged, nothing remembered': [], unchanged: [], '0.1 % changed': [] };
  const notes = { peakMiB: 0, walOfUnchanged: 0, rowsWrittenByUnchanged: 0 };
  const note = (step, run) => {
    steps[step].push(run.s);
    notes.peakMiB = Math.max(notes.peakMiB, run.mib);
  };
  for (let round = 0; round < rounds; ++round) {
    await control('clear', { customer });
    await generate(customer, count);
    if (gzip) await control('pack', { customer });  // packing would take more time than all else
    await fresh();
    settle();
    note('first', await bounced(customer));
    await expectRows(customer, count);
    await sql('vacuum analyze bounced.mirror');  // as autovacuum does it soon; its log is not ours
    settle();
    await bounced(customer);
    await forget();
    const written = await mirrorWrites();
    settle();
    note('unchanged, nothing remembered', await bounced(customer));
    const before = await wal();
    note('unchanged', await bounced(customer));
    notes.walOfUnchanged = Math.max(notes.walOfUnchanged, (await wal()) - before);
    notes.rowsWrittenByUnchanged += (await mirrorWrites()) - written;
    const changes = Math.max(1, Math.round(count / 2000));
    await control('remove-some', { customer, count: changes });
    await control('add-some', { customer, count: changes });
    if (gzip) await control('pack', { customer });
    settle();
    note('0.1 % changed', await bounced(customer));
    await expectRows(customer, count);
    say(`${customer}, round ${round + 1}: ${Object.entries(steps).map(([name, runs]) => `${name} ${seconds(runs.at(-1))} s`).join(', ')}`);
  }
  return { ...Object.fromEntries(Object.entries(steps).map(([name, runs]) => [name, median(runs)])), ...notes };
}

async function ten(count) {
  const names = Array.from({ length: 10 }, (_, i) => `ten${i}`);
  for (const name of names) await generate(name, count / 10);
  const runs = { first: [], unchanged: [] };
  for (let round = 0; round < rounds; ++round) {
    await fresh();
    settle();
    runs.first.push((await bounced(...names)).s);
    await bounced(...names);
    settle();
    runs.unchanged.push((await bounced(...names)).s);
  }
  return { first: median(runs.first), unchanged: median(runs.unchanged) };
}

const ratio = (a, b) => +(a / b).toFixed(2);
const result = { date: new Date().toISOString(), machine: machine(), bounces: size, rounds,
  versions: { postgresql: await one('show server_version'), node: process.version } };

await control('gzip', { on: 0 });
say(`${size} bounces, JSON`);
result.json = await life('json', size);
await copyFiles('json');
result.copy = { sorted: [], random: [] };
for (let round = 0; round < rounds; ++round) {
  for (const order of ['sorted', 'random']) result.copy[order].push(await copy(order));
}
const { sorted, random } = Object.fromEntries(Object.entries(result.copy).map(([order, runs]) => [order, median(runs)]));
result.copy = { sorted, random };
await sql('drop table public.raw_copy');
say(`\\copy: sorted ${seconds(sorted)} s, random ${seconds(random)} s`);

const table = [];
const row = (work, s, aim = '') => table.push({ work, seconds: seconds(s), 'of sorted \\copy': ratio(s, sorted),
  'of random \\copy': ratio(s, random), aim });
row('\\copy, sorted', sorted);
row('\\copy, random order', random);
row('bounced: first poll', result.json.first, '0.6 of random, 1.5 of sorted');
row('bounced: 0.1 % changed', result.json['0.1 % changed'], '0.6 of sorted');
row('bounced: unchanged, nothing remembered', result.json['unchanged, nothing remembered'], '0.6 of sorted');
row('bounced: unchanged', result.json.unchanged, '0.3 of sorted');

if (wanted('xml')) {
  say(`${size} bounces, XML`);
  result.xml = await life('xml', size);
  for (const [name, s] of Object.entries(result.xml).filter(([key]) => key in result.json && key.match(/first|changed/))) {
    if (name.match(/^(peak|wal|rows)/)) continue;
    row(`bounced, XML: ${name}`, s, `1.5 of JSON: ${ratio(s, result.json[name])}`);
  }
}
if (wanted('gzip')) {
  say(`${size} bounces, JSON, gzip`);
  await control('gzip', { on: 1 });
  result.gzip = await life('json', size, { gzip: true });
  await control('gzip', { on: 0 });
  for (const name of ['first', 'unchanged']) {
    row(`bounced, gzip: ${name}`, result.gzip[name], `1.0 of plain: ${ratio(result.gzip[name], result.json[name])}`);
  }
}
if (wanted('ten')) {
  say(`ten customers of ${size / 10}`);
  result.ten = await ten(size);
  for (const name of ['first', 'unchanged']) {
    row(`bounced, ten customers: ${name}`, result.ten[name], `1.0 of one: ${ratio(result.ten[name], result.json[name])}`);
  }
}
if (wanted('growth')) {
  const sizes = quick ? [1000, 10000] : [1000, 10000, 100000];
  result.growth = [];
  for (const count of sizes) result.growth.push({ bounces: count, ...(await life('grown', count)) });
  result.growth.push({ bounces: size, ...result.json });
}
if (wanted('ten-million') && !quick) {
  say('10,000,000 bounces, once');
  await generate('huge', 10_000_000);
  await fresh();
  settle();
  const first = await bounced('huge');
  const again = await bounced('huge');
  const unchanged = await bounced('huge');
  result.growth?.push({ bounces: 10_000_000, first: first.s, unchanged: unchanged.s,
    peakMiB: Math.max(first.mib, again.mib, unchanged.mib) });
  result.huge = { first, again, unchanged };
  await fresh();
}
if (wanted('peers')) {
  const count = quick ? 10000 : size;
  await generate('loop', count);
  say(`the usual loop, 1,000 rows a statement, ${count} bounces`);
  result.batches = { bounces: count, ...(await loop('loop', 1000)) };
  const few = Math.min(count, 100000);
  await control('clear', { customer: 'loop' });
  await generate('loop', few);
  say(`the usual loop, one row a statement, ${few} bounces`);
  result.rows = { bounces: few, ...(await loop('loop', 1)) };
  await sql('drop table public.bounces_of_loop');
  for (const [name, peer] of [['1,000 rows a statement', result.batches], ['one row a statement', result.rows]]) {
    const scale = size / peer.bounces;
    const scaled = scale === 1 ? '' : ` (${peer.bounces}, times ${scale})`;
    row(`usual loop, ${name}: first${scaled}`, peer.first * scale);
    row(`usual loop, ${name}: unchanged${scaled}`, peer.unchanged * scale);
  }
}

if (wanted('health')) {
  const count = quick ? 2000 : 100000;
  result.health = [];
  for (const [name, customer, tables, poll, unchanged, changed] of [
    ['bounced', 'grown', ['bounced.mirror', 'bounced.customers'], () => bounced('grown'), quick ? 20 : 1000, quick ? 2 : 100],
    // Its polls take that much longer; what they leave behind is to be seen after fewer.
    ['usual loop, 1,000 rows a statement', 'loop', ['public.bounces_of_loop'], null, quick ? 5 : 50, quick ? 1 : 5],
  ]) {
    say(`${unchanged} unchanged and ${changed} slightly changed polls of ${count}: ${name}`);
    await control('clear', { customer });
    await generate(customer, count);
    await fresh();
    const once = poll ?? await usualLoop(customer, 1000);
    result.health.push(...(await health(name, customer, tables, once, unchanged, changed)));
  }
  await sql('drop table public.bounces_of_loop');
}

console.table(table);
if (result.health) console.table(result.health);
if (result.growth) console.table(result.growth);
console.log('peak MiB', +result.json.peakMiB.toFixed(1), 'WAL of an unchanged poll', result.json.walOfUnchanged,
  'rows of mirror written by unchanged polls', result.json.rowsWrittenByUnchanged);
console.log(result.machine, result.versions);
result.table = table;
writeFileSync(out.replace(/json$/, 'svg'), barChart(`${size.toLocaleString('en')} bounces, seconds`,
  table.filter(({ work }) => !work.includes('XML') && !work.includes('gzip') && !work.includes('ten customers'))
    .map(({ work, seconds: value }) => [work, value])));
agent.destroy();
await finish(result);
