// Checks the live page on a running demo: node check.js DEMO FOLDER
import { browser } from './browser.js';
import { behaves } from './behaviour.js';
import { frontPage, looksRight, pictureOfReadme } from './layout.js';
import { troublesShow } from './troubles.js';

const [demo, folder] = process.argv.slice(2);
const url = `${demo}/debug/pool/`;
const failures = [];
const check = (ok, what) => {
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${what}`);
  if (!ok) {
    failures.push(what);
  }
};

const chromium = await browser();
try {
  await Promise.all([troublesShow(chromium, demo, url, check), behaves(chromium, url, check)]);
  await pictureOfReadme(chromium, demo, url, folder, check);
  await frontPage(chromium, demo, folder, check);
  await looksRight(chromium, demo, url, folder, check);
} finally {
  await chromium.close();
}
if (failures.length > 0) {
  console.error(`${failures.length} checks failed`);
  process.exit(1);
}
