// SPDX-License-Identifier: Apache-2.0
// How many requests v3 takes, and what a list that changes while it is read loses: beside a reader that goes by offset,
// and a deleter that takes one address after the other. Run by ./dev bench, which starts PostgreSQL and the simulator.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { promisify } from 'node:util';
import { api, ca, config, control, finish, one, program, say, sql } from './common.mjs';

const agent = new https.Agent({ keepAlive: true, ca: readFileSync(ca) });
const apiCalls = async () => Number(await control('api-calls'));
const sync = (...customers) => promisify(execFile)(program, ['sync', '--config', config, ...customers]);

const getJson = (path, headers) => new Promise((resolve, reject) => {
  https.get(api + path, { agent, headers }, (response) => {
    let body = '';
    response.on('data', (piece) => (body += piece));
    response.on('end', () => resolve(JSON.parse(body)));
  }).on('error', reject);
});

// The addresses on a list at one moment, as v2 gives them.
async function listed(customer) {
  const query = new URLSearchParams({ api_user: 'reseller', api_key: 'dev-key', method: 'bounces', task: 'get',
    user: customer });
  return new Set((await getJson(`/apiv2/reseller.manage.json?${query}`)).map((bounce) => bounce.email));
}

// The loop that people write.
async function readByOffset(customer) {
  const emails = new Set();
  for (let offset = 0; ; offset += 500) {
    const page = await getJson(`/v3/suppression/bounces?limit=500&offset=${offset}`,
      { authorization: 'Bearer dev-key', accept: 'application/json', 'on-behalf-of': customer });
    for (const bounce of page) emails.add(bounce.email);
    if (page.length < 500) return emails;
  }
}

async function readByBounced(customer) {
  await sync(customer);
  const rows = await sql('select distinct email from bounced.current_bounces where customer = $1', [customer]);
  return new Set(rows.map((row) => row.email));
}

// How many requests it takes, and how many addresses it misses of those that stood on the list all the time.
async function measure(customer, churn, read) {
  const before = await listed(customer);
  await control('churn', { customer, count: churn });
  const calls = await apiCalls();
  const emails = await read(customer);
  const requests = (await apiCalls()) - calls;
  await control('churn', { customer, count: 0 });
  const stood = [...await listed(customer)].filter((email) => before.has(email));
  return { requests, missed: stood.filter((email) => !emails.has(email)).length };
}

// The requests of these customers, carried out beside a poll of each, whose calls are not counted.
async function measureDeletions(title, customers, query) {
  await sync(...customers);
  let calls = await apiCalls();
  await sync(...customers);
  const polls = (await apiCalls()) - calls;
  await sql(query);
  const wanted = Number(await one(`select count(*) from bounced.deletion_requests where state = 'pending'`));
  calls = await apiCalls();
  await sync(...customers);
  const all = (await apiCalls()) - calls;
  const open = Number(await one(`select count(*) from bounced.deletion_requests where state <> 'done'`));
  if (open > 0) throw new Error(`${open} requests are not done`);
  return { title, requests: wanted, calls: all - polls };
}

await sync('one'); // the schema
const result = { reads: [], deletions: [] };
for (const [customer, churn] of [['still', 0], ['busy', 1], ['wild', 10]]) {
  const plain = await measure(customer, churn, readByOffset);
  const bounced = await measure(customer, churn, readByBounced);
  result.reads.push({ churn, plain, bounced });
  say(`100,000 bounces, of which ${churn} leave with each request, and half as many come: by offset ${plain.requests} requests, ` +
      `${plain.missed} missed; bounced ${bounced.requests} requests, ${bounced.missed} missed`);
}
// Of lists of three lengths, with a Link header and without. A list of one bounce takes one call; what a sync needs
// besides is not counted.
result.pages = [];
const callsOf = async (customer) => {
  const calls = await apiCalls();
  await sync(customer);
  return (await apiCalls()) - calls;
};
const besides = (await callsOf('long1')) - 1;
for (const size of [501, 2000, 20000]) {
  for (const links of [1, 0]) {
    await control('links', { on: links });
    const calls = (await callsOf(`long${size}`)) - besides;
    result.pages.push({ size, links: links === 1, calls, pages: Math.ceil(size / 500) });
  }
}
await control('links', { on: 1 });
for (const { size, links, calls, pages } of result.pages) {
  say(`${size} bounces ${links ? 'with' : 'without'} Link: ${calls} calls of ${pages} pages at least`);
}
for (const [title, customers, query] of [
  ['of one customer', ['one'], `insert into bounced.deletion_requests (customer, email) select distinct customer, email
     from bounced.current_bounces where customer = 'one' order by email limit 1000`],
  ['of 100 customers', Array.from({ length: 100 }, (_, i) => `many${i}`),
    `insert into bounced.deletion_requests (customer, email) select customer, email from
     (select customer, email, row_number() over (partition by customer order by email) as n from
       (select distinct customer, email from bounced.current_bounces where customer ~ '^many') d) s where n <= 10`],
]) {
  const measured = await measureDeletions(title, customers, query);
  result.deletions.push(measured);
  say(`${measured.requests} deletion requests ${title}: ${measured.calls} calls (one by one: ${measured.requests})`);
}
agent.destroy();
await finish(result);
