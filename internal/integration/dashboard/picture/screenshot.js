// Takes screenshots of dashboards: node screenshot.js PROMETHEUS FROM TO FOLDER NAME...
// Each FOLDER/NAME.json becomes FOLDER/NAME.png, with Prometheus' data of a time range in milliseconds.
import { readFile, writeFile } from 'node:fs/promises';
import puppeteer from 'puppeteer-core';

import { browser } from './browser.js';
import { serve } from './serve.js';

const [prometheus, from, to, folder, ...names] = process.argv.slice(2);
const interval = 2000; // milliseconds between two points of a graph

const { executablePath, args } = await browser();
const env = { ...process.env, LANG: 'en_US.UTF-8', LC_ALL: 'en_US.UTF-8', TZ: 'UTC' };
const chromium = await puppeteer.launch({ executablePath, args: [...args, '--lang=en-US'], env, headless: 'shell' });
try {
  for (const name of names) {
    await shoot(name);
  }
} finally {
  await chromium.close();
}

async function shoot(name) {
  const dashboard = await readFile(`${folder}/${name}.json`);
  const server = await serve(prometheus, dashboard);
  try {
    const page = await chromium.newPage();
    const complaints = [];
    page.on('pageerror', (err) => complaints.push(String(err)));
    page.on('response', (r) => r.status() >= 400 && complaints.push(`${r.status()} ${r.url()}`));
    page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
    // The whole page is visible from the start, because tables draw only the visible rows.
    await page.setViewport({ width: 1600, height: 6000 });
    await page.goto(`${server.url}/?${new URLSearchParams({ from, to, interval })}`);
    await page.waitForFunction('window.drawn || window.failed', { timeout: 120_000 }).catch((err) => {
      throw new Error(`${name}: ${[err.message, ...complaints].join('\n')}`);
    });
    const failed = await page.evaluate('window.failed');
    if (failed) {
      throw new Error(`${name}: ${failed}`);
    }
    const empty = await page.evaluate('window.empty');
    if (empty.length > 0) {
      throw new Error(`${name}: panels without data: ${empty.join(', ')}`);
    }
    await page.waitForNetworkIdle();
    const tables = JSON.parse(dashboard).panels.filter((p) => p.type === 'table').length;
    await page.waitForFunction(`document.querySelectorAll('[role=grid]:has([role=gridcell])').length >= ${tables}`);
    await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
    const board = await page.$('#board');
    const picture = await board.screenshot({ type: 'png' });
    await writeFile(`${folder}/${name}.png`, picture);
    console.log(`${folder}/${name}.png: ${Math.round(picture.length / 1000)} kB`);
    for (const complaint of new Set(complaints)) {
      console.error(`${name}: the page complains: ${complaint}`);
    }
    await page.close();
  } finally {
    server.close();
  }
}
