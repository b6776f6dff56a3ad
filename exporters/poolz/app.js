// Updates the page once a second with what the server renders, and adds a pause, a filter and sorting.
import { morph } from './morph.js';
import { draw } from './plots.js';
import { filter, prepare, sortBy } from './tables.js';

const interval = 1000; // milliseconds
const patience = 10_000;
const query = new URLSearchParams(location.search);
const source = query.has('server') ? './?server' : './';

let paused = query.has('pause');
let looking = false;

const pauseButton = button('Pause', () => {
  paused = !paused;
  tellPause();
  renew();
});
const copyButton = button('Copy as text', copy);
const filterField = document.createElement('input');
filterField.type = 'search';
filterField.addEventListener('input', tellFilter);
const filterLabel = document.createElement('label');
filterLabel.append('Filter rows ', filterField);
const filterCount = document.createElement('output');
const status = document.createElement('p'); // also for screen readers
status.setAttribute('role', 'status');
status.className = 'status';
const tools = document.createElement('div');
tools.className = 'tools';
tools.append(pauseButton, copyButton, filterLabel, filterCount);
document.querySelector('header').append(tools, status);

document.addEventListener('click', (event) => {
  const clicked = event.target.closest('thead button');
  if (clicked) {
    sortBy(document, clicked);
  }
});
document.addEventListener('visibilitychange', renew);

prepare(document);
tellPause();
draw(get).catch((err) => tell(`No plots: ${err.message}`));
setInterval(renew, interval);

function button(text, clicked) {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = text;
  made.addEventListener('click', clicked);
  return made;
}

// renew shows the current page, unless the tab is hidden or the previous request is pending.
async function renew() {
  if (paused || document.hidden || looking) {
    return;
  }
  looking = true;
  try {
    const text = await get(source);
    if (!paused) {
      show(new DOMParser().parseFromString(text, 'text/html'));
      await draw(get);
      tell('');
    }
  } catch (err) {
    tell(`Not updated since ${document.querySelector('header time').textContent}: ${err.message}`);
  } finally {
    looking = false;
  }
}

async function get(path) {
  const response = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(patience) });
  if (!response.ok) {
    throw new Error(`status ${response.status}`);
  }
  return response.text();
}

function show(next) {
  if (!next.querySelector('#pools')) {
    throw new Error('the answer is another page');
  }
  prepare(next);
  document.title = next.title;
  const focused = document.activeElement;
  for (const part of ['#pools', 'header time']) {
    morph(document.querySelector(part), next.querySelector(part));
  }
  if (focused.isConnected && focused !== document.activeElement) {
    focused.focus({ preventScroll: true }); // its row has moved
  }
  if (wantsFilter()) {
    tellFilter();
  }
}

function wantsFilter() {
  return filterField.value.trim() !== '';
}

function tellFilter() {
  const { shown, all } = filter(document, filterField.value);
  filterCount.textContent = wantsFilter() ? `${shown} of ${all} rows` : '';
}

function tellPause() {
  pauseButton.setAttribute('aria-pressed', paused);
  document.body.classList.toggle('paused', paused);
}

function tell(text) {
  if (status.textContent !== text) {
    status.textContent = text;
  }
}

// copy copies the text for a ticket to the clipboard, which browsers allow only on localhost and over HTTPS.
async function copy() {
  try {
    await navigator.clipboard.writeText(await get('report.txt'));
    copyButton.textContent = 'Copied';
    setTimeout(() => (copyButton.textContent = 'Copy as text'), 2000);
  } catch {
    location.assign('report.txt');
  }
}
