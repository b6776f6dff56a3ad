// Takes screenshots on a phone and a wide screen, light and dark, and checks that nothing overflows and axe-core finds nothing.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import { open } from './browser.js';
import { cause, has } from './troubles.js';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// pictureOfReadme takes a screenshot of the page while one trouble lasts.
export async function pictureOfReadme(chromium, demo, url, folder, check) {
  const page = await open(chromium, url);
  await page.setViewport({ width: 1440, height: 900 });
  const stop = cause(demo, '/trouble/nested');
  const seen = await has(page, () => document.querySelector('article.finding h3')?.textContent.includes('nested_') && document.querySelectorAll('.plot canvas').length > 0);
  check(seen, 'nested: it is the first finding');
  await page.screenshot({ path: `${folder}/page.png`, clip: { x: 80, y: 0, width: 1280, height: 1000 } });
  stop();
  await page.close();
}

// frontPage causes a trouble by its button on the demo's front page. A wide screen also shows the live page.
export async function frontPage(chromium, demo, folder, check) {
  for (const width of [1440, 390]) {
    const page = await open(chromium, `${demo}/`);
    await page.setViewport({ width, height: 900 });
    await page.click('form[action="/trouble/idle"] button');
    const answered = await has(page, () => document.getElementById('answer').contentDocument?.body?.innerText.length > 0);
    check(answered, `front page, ${width}: the button's answer is there`);
    const shown = await has(page, (wide) => {
      const frame = document.getElementById('page');
      return (frame.clientWidth > 0) === wide && (!wide || frame.contentDocument?.querySelector('.pool') !== null);
    }, undefined, width === 1440);
    check(shown, `front page, ${width}: the live page is ${width === 1440 ? 'beside it' : 'a link'}`);
    await looksGood(page, `front page, ${width}`, check);
    await page.screenshot({ path: `${folder}/front-${width}.png`, fullPage: width !== 1440 });
    await page.close();
  }
}

export async function looksRight(chromium, demo, url, folder, check) {
  await Promise.all(['leak', 'idletx'].map((name) => fetch(`${demo}/trouble/${name}`)));
  const stops = ['idle', 'nested', 'tx'].map((name) => cause(demo, `/trouble/${name}`));
  for (const width of [1440, 390]) {
    for (const scheme of ['light', 'dark']) {
      const page = await open(chromium, url);
      const name = `${width}-${scheme}`;
      await page.setViewport({ width, height: 900, deviceScaleFactor: 1 });
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      await page.goto(`${url}?server`);
      await has(page, () => document.querySelectorAll('article.finding').length > 0 && document.querySelectorAll('.plot canvas').length > 0);
      await page.$$eval('details', (all) => all.forEach((d) => (d.open = true)));
      await looksGood(page, name, check);
      await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
      await page.close();
    }
  }
  stops.forEach((stop) => stop());
}

// looksGood checks that nothing overflows, axe-core finds nothing, and nothing complains.
async function looksGood(page, name, check) {
  const wide = await page.evaluate(overflowing);
  check(wide.length === 0, `${name}: nothing overflows: ${wide.join('; ')}`);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run(document, { iframes: false }));
  const found = violations.map((v) => `${v.id} (${v.nodes.map((n) => n.target).slice(0, 3).join(', ')})`);
  check(found.length === 0, `${name}: axe-core finds nothing: ${found.join('; ')}`);
  check(page.complaints.length === 0, `${name}: nothing complains: ${page.complaints.join('; ')}`);
}

// overflowing returns elements that are wider than the screen or cut off. Tables of many columns may scroll, except on
// a phone, where their rows are folded.
function overflowing() {
  const width = document.documentElement.clientWidth;
  const found = document.documentElement.scrollWidth > width ? [`the page is ${document.documentElement.scrollWidth} wide`] : [];
  for (const box of document.querySelectorAll('.pool .table')) {
    const table = box.firstElementChild;
    if ((width <= 640 || table.tHead.rows[0].cells.length <= 4) && box.scrollWidth > box.clientWidth + 1) {
      found.push(`${table.id} is cut off`);
    }
  }
  for (const element of document.querySelectorAll('body *')) {
    if (element.closest('.table') || element.closest('.plot') || element.closest('svg')) {
      continue;
    }
    const { right, width: own } = element.getBoundingClientRect();
    if (own > 0 && right > width + 1) {
      found.push(`${element.nodeName}.${element.className} ends at ${Math.round(right)}`);
    }
    if (getComputedStyle(element).overflowX === 'hidden' && element.scrollWidth > element.clientWidth + 1) {
      found.push(`${element.nodeName}.${element.className} is cut off`);
    }
  }
  return found.slice(0, 5);
}
