// SPDX-License-Identifier: Apache-2.0
// What the benchmarks share. ./dev bench says in the environment where things are.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import os from 'node:os';
import pg from 'pg';

export const { BENCH_URL: url, BENCH_API: api, BENCH_CA: ca, BENCH_PROGRAM: program, BENCH_CONFIG: config,
  BENCH_OUT: out } = process.env;
export const quick = process.argv.includes('--quick');

export const db = new pg.Pool({ connectionString: url, max: 4 });
export const sql = async (text, values) => (await db.query(text, values)).rows;
export const one = async (text, values) => Object.values((await sql(text, values))[0])[0];

export function get(path, agent) {
  return new Promise((resolve, reject) => {
    https.get(api + path, { agent }, (response) => {
      let body = '';
      response.on('data', (piece) => (body += piece));
      response.on('end', () => resolve({ status: response.statusCode, body }));
    }).on('error', reject);
  });
}
const controlAgent = new https.Agent({ keepAlive: true, ca: readFileSync(ca) });
export const control = async (command, parameters = {}) =>
  (await get(`/control/${command}?${new URLSearchParams(parameters)}`, controlAgent)).body.trim();

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
export const say = (text) => process.stderr.write(`==> ${text}\n`);

// Seconds of processor time of a process so far; with those of its children that have ended, if asked.
export function processorTime(pid, withEnded = false) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]) + (withEnded ? Number(fields[13]) + Number(fields[14]) : 0);
  return ticks / 100;
}

export async function withDaemon(work) {
  const daemon = spawn(program, ['run', '--config', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  daemon.stderr.on('data', (piece) => (log = (log + piece).slice(-100_000)));
  const ended = new Promise((resolve) => daemon.on('exit', resolve));
  for (let i = 0; !log.includes('started version'); ++i) {
    if (i > 1200 || daemon.exitCode !== null) throw new Error(`bounced did not start: ${log}`);
    await sleep(50);
  }
  while (Number(await one(`select count(*) from pg_stat_activity where application_name = 'bounced run: listen'
                            and state = 'idle'`)) === 0) await sleep(20);
  try {
    return await work(daemon.pid);
  } finally {
    daemon.kill('SIGTERM');
    await ended;
  }
}

export const machine = () => ({ cores: os.cpus().length, processor: os.cpus()[0].model });

export async function finish(result) {
  mkdirSync(out.replace(/[^/]*$/, ''), { recursive: true });
  writeFileSync(out, JSON.stringify(result, null, 2) + '\n');
  say(`written to ${out}`);
  await db.end();
  controlAgent.destroy();
}
