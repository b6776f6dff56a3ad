// Starts a Chromium: the one that CHROMIUM names, or the one in npm's packages.
import packaged from '@sparticuz/chromium';
import puppeteer from 'puppeteer-core';

export async function browser() {
  // A browser that draws only this project's page needs no sandbox, and as root it refuses to start with one.
  const args = ['--no-sandbox', '--font-render-hinting=none', '--force-color-profile=srgb', '--lang=en-US'];
  const named = process.env.CHROMIUM;
  return puppeteer.launch({
    executablePath: named ?? (await packaged.executablePath()),
    args: named ? args : [...packaged.args, ...args],
    headless: 'shell',
    pipe: true, // so that it ends with this program, however that ends
  });
}

// open opens a page and collects its complaints: errors of scripts, violations of the policy, and requests to other
// hosts.
export async function open(chromium, url) {
  const page = await chromium.newPage();
  page.complaints = [];
  page.bytes = 0;
  page.on('pageerror', (err) => page.complaints.push(String(err)));
  page.on('console', (m) => ['error', 'warn'].includes(m.type()) && page.complaints.push(m.text()));
  page.on('request', (r) => r.url().startsWith(url) || page.complaints.push(`a request to ${r.url()}`));
  page.on('response', (r) => {
    if (!r.url().endsWith('.json')) {
      page.bytes += Number(r.headers()['content-length'] ?? 0);
    }
  });
  await page.goto(url, { waitUntil: 'load' });
  return page;
}
