// The demo's troubles, and their findings on the page.
import { open } from './browser.js';

const patience = 60_000; // milliseconds
const rounds = 300_000; // in which the demo has each trouble several times

// Each trouble and its finding. The demo causes them in turns, but the demo's are too short to be found reliably: this
// program also causes those with more.
const troubles = [
  { name: 'leak', kind: 'leak', words: ['forget_to_release_', 'does not return'] },
  { name: 'spike', kind: 'churn', words: ['Connections do not last', 'overflow'] },
  { name: 'nested', kind: 'nested_acquires|nested_deadlock', words: ['take_first', 'a second connection while it holds one'] },
  { name: 'idle', more: true, kind: 'held_idle', words: ['hold_idle', 'holds connections while it does something else'] },
  { name: 'idletx', kind: 'idle_in_transaction', words: ['wait_in_transaction', 'leaves transactions open while nothing runs in them'] },
  { name: 'tx', kind: 'transaction_open', words: ['forget_to_commit', 'releases connections with an open transaction'] },
];
const timeout = { name: 'queue', kind: 'callers_time_out', words: ['Callers give up'] };

export async function troublesShow(chromium, demo, url, check) {
  const page = await open(chromium, url);
  await Promise.all([
    leakHasStack(page, demo, check),
    queueFormsAndClears(page, demo, check),
    has(page, overflowOpened, rounds).then((ok) => check(ok, 'spike: connections beyond the base size were opened')),
    ...troubles.map(async (trouble) => {
      const stop = trouble.more ? cause(demo, `/trouble/${trouble.name}`) : () => {};
      check(await has(page, shows, rounds, trouble, true), `${trouble.name}: ${trouble.kind} is found`);
      stop();
      check(await has(page, shows, rounds, trouble, false), `${trouble.name}: ${trouble.kind} is gone again`);
    }),
  ]);
  check(page.complaints.length === 0, `nothing complains: ${page.complaints.join('; ')}`);
  await page.close();
}

// cause sends n requests for a path at a time, repeatedly, until the returned function is called.
export function cause(demo, path, n = 1) {
  let stopped = false;
  const request = () => fetch(demo + path).then((answer) => answer.text(), () => {});
  (async () => {
    while (!stopped) {
      await Promise.all(Array.from({ length: n }, request));
      await new Promise((done) => setTimeout(done, 300));
    }
  })();
  return () => (stopped = true);
}

// has waits for a condition, and returns whether it became true.
export function has(page, condition, timeout = patience, ...args) {
  return page.waitForFunction(condition, { timeout, polling: 200 }, ...args).then(() => true, () => false);
}

// shows runs in the page, and returns whether it has the finding of a trouble, or, without want, lacks it.
function shows({ kind, words }, want) {
  const findings = [...document.querySelectorAll('article.finding')];
  const isIt = (f) => new RegExp(`: (${kind})( |$)`).test(f.querySelector('h3').textContent) && words.every((word) => f.textContent.includes(word));
  return findings.some(isIt) === want;
}

function overflowOpened() {
  const rows = [...document.querySelectorAll('#pool-demo-changes-table tbody tr')];
  return rows.some((row) => row.cells[0].textContent === 'opened beyond the base size' && Number(row.cells[1].textContent) > 0);
}

// leakHasStack checks the hold of a leak, and that its stack stays open and focused while the page updates itself.
async function leakHasStack(page, demo, check) {
  await fetch(`${demo}/trouble/leak`);
  const there = await has(page, () => {
    const rows = [...document.querySelectorAll('#pool-demo-holds-table tbody tr')];
    const stack = rows.find((r) => r.textContent.includes('forget_to_release'))?.querySelector('details[data-key=stack]');
    if (!stack?.textContent.includes('(*service).leak')) {
      return false;
    }
    stack.querySelector('summary').focus();
    stack.open = true;
    window.theStack = stack;
    window.timeBefore = document.querySelector('header time').textContent;
    return true;
  });
  check(there, 'leak: the hold has the stack of the leak');
  const kept = await has(page, () => {
    const { isConnected, open } = window.theStack;
    const focused = document.activeElement === window.theStack.querySelector('summary');
    return isConnected && open && focused && document.querySelector('header time').textContent !== window.timeBefore;
  });
  check(kept, 'leak: the open stack stays open and focused while the page renews itself');
}

async function queueFormsAndClears(page, demo, check) {
  const waits = (some) => {
    const numbers = [...document.querySelectorAll('#pool-demo dl.numbers div')];
    const waiting = numbers.find((d) => d.querySelector('dt').textContent === 'Waiting').querySelector('dd').textContent;
    return Number(waiting) > 0 === some;
  };
  const stop = cause(demo, '/report', 120); // as many as time out
  check(await has(page, waits, patience, true), 'queue: it forms');
  check(await has(page, shows, patience, timeout, true), `queue: ${timeout.kind} is found`);
  stop();
  check(await has(page, waits, patience, false), 'queue: it clears');
  check(await has(page, shows, rounds, timeout, false), `queue: ${timeout.kind} is gone again`);
}
