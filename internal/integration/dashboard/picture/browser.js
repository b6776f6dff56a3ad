// Finds a Chromium: the one that CHROMIUM names, the one in npm's packages, or an installed one.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import packaged from '@sparticuz/chromium';

const installed = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

export async function browser() {
  // A browser that draws only this project's page needs no sandbox, and as root it refuses to start with one.
  const args = ['--no-sandbox', '--hide-scrollbars', '--font-render-hinting=none', '--force-color-profile=srgb'];
  if (process.env.CHROMIUM) {
    return { executablePath: process.env.CHROMIUM, args };
  }
  if (process.platform === 'linux' && process.arch === 'x64') {
    return { executablePath: await packaged.executablePath(), args: [...packaged.args, ...args] };
  }
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => installed.map((name) => join(folder, name)))
    .find(isExecutable);
  if (!found) {
    throw new Error('no browser: install Chromium or Chrome, or set CHROMIUM to the path of one');
  }
  return { executablePath: found, args };
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
