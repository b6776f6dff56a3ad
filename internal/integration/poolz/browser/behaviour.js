// Checks the page's script, and that the page works without it.
import { open } from './browser.js';
import { has } from './troubles.js';

const maxBytes = 150_000;
const maxPaint = 200; // milliseconds

export async function behaves(chromium, url, check) {
  const page = await open(chromium, url);
  check(page.bytes > 60_000 && page.bytes < maxBytes, `the page weighs ${page.bytes} bytes`);
  let paint = Infinity; // the least of several, because the machine may be busy
  for (const end = Date.now() + 60_000; paint >= maxPaint && Date.now() < end; ) {
    await page.reload({ waitUntil: 'load' });
    await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0);
    paint = Math.min(paint, await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime));
  }
  check(paint < maxPaint, `it first paints after ${Math.round(paint)} ms`);
  check(await has(page, () => document.querySelectorAll('.plot canvas').length === 4), 'there are four plots');
  await sorts(page, check);
  await filters(page, check);
  await pauses(page, check);
  await showsPool(page, url, check);
  check(page.complaints.length === 0, `nothing complains: ${page.complaints.join('; ')}`);
  await page.close();
  await asksServer(chromium, url, check);
  await plotsSlowHistory(chromium, url, check);
  await worksWithoutScript(chromium, url, check);
}

// plotsSlowHistory delays the history, so that it is newer than the page by more than a change of the clock.
async function plotsSlowHistory(chromium, url, check) {
  const page = await chromium.newPage();
  await page.setRequestInterception(true);
  page.on('request', (r) => setTimeout(() => r.continue(), r.url().endsWith('history.json') ? 7000 : 0));
  await page.goto(url);
  const long = () => {
    const times = document.querySelector('.plot')?.plot?.data[0] ?? [];
    return times.at(-1) - times[0] > 20;
  };
  check(await has(page, long), 'the plots have all of a history that comes late');
  await page.close();
}

async function renewed(page) {
  const before = await page.$eval('header time', (e) => e.textContent);
  return page.waitForFunction((b) => document.querySelector('header time').textContent !== b, { timeout: 60_000, polling: 200 }, before).then(() => true, () => false);
}

async function sorts(page, check) {
  await page.focus('#pool-demo-operations-table thead th:nth-child(2) button');
  await page.keyboard.press('Enter');
  check(await renewed(page), 'the page renews itself');
  const state = await page.evaluate(() => {
    const table = document.querySelector('#pool-demo-operations-table');
    const head = table.tHead.rows[0].cells[1];
    return {
      sort: head.getAttribute('aria-sort'),
      focused: head.contains(document.activeElement),
      calls: [...table.tBodies[0].rows].map((row) => Number(row.cells[1].textContent)),
    };
  });
  const ordered = state.calls.every((n, i) => i === 0 || state.calls[i - 1] >= n);
  check(state.sort === 'descending' && state.focused && ordered, `a table stays sorted by the keyboard: ${JSON.stringify(state)}`);
}

async function filters(page, check) {
  await page.type('input[type=search]', 'no such row');
  check(await has(page, () => [...document.querySelectorAll('tbody tr')].every((row) => row.hidden)), 'a filter hides rows');
  await page.$eval('input[type=search]', (field) => {
    field.value = '';
    field.dispatchEvent(new Event('input'));
  });
  check(await has(page, () => [...document.querySelectorAll('tbody tr')].every((row) => !row.hidden)), 'without it they are there again');
}

async function pauses(page, check) {
  const pause = await page.$('.tools button');
  await pause.click();
  await new Promise((done) => setTimeout(done, 1500)); // for a pending answer
  const before = await page.$eval('header time', (e) => e.textContent);
  await new Promise((done) => setTimeout(done, 3000));
  check((await page.$eval('header time', (e) => e.textContent)) === before, 'a paused page stands still');
  await pause.click();
  check(await renewed(page), 'it goes on');
}

async function showsPool(page, url, check) {
  await page.goto(`${url}#pool-demo`);
  check(await page.evaluate(() => document.querySelector(':target')?.id === 'pool-demo'), 'a link leads to the pool');
}

async function asksServer(chromium, url, check) {
  const page = await open(chromium, `${url}`);
  await page.goto(`${url}?server`);
  check(await has(page, () => document.querySelectorAll('#server-clients-table tbody tr').length > 0), 'the server says who has its connections');
  check(await renewed(page), 'the view of the server renews itself');
  check(page.complaints.length === 0, `nothing complains: ${page.complaints.join('; ')}`);
  await page.close();
}

async function worksWithoutScript(chromium, url, check) {
  const page = await chromium.newPage();
  await page.setJavaScriptEnabled(false);
  await page.goto(url);
  const renews = await page.waitForNavigation({ timeout: 60_000 }).then(() => true, () => false);
  check(renews, 'without JavaScript the page renews itself');
  const tables = await page.$$('table');
  check(tables.length > 2, 'without JavaScript there are tables');
  await page.close();
}
