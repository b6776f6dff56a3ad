// Draws the last ten minutes of each pool with uPlot. The page has the last seconds, history.json the rest.

const span = 600; // seconds
const height = 110;

const kept = new Map(); // by the id of a pool's section: its moments, and the plots that show them
const dark = matchMedia('(prefers-color-scheme: dark)');
dark.addEventListener('change', () => kept.forEach((pool) => rebuild(pool)));
const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    target.plot?.setSize({ width: target.clientWidth, height });
  }
});

const mean = (seconds, count) => (count > 0 ? seconds / count : null);
const rate = (count, m) => (m.seconds > 0 ? count / m.seconds : null);

// The series of each kind of plot, by their names in the caption.
const kinds = {
  connections: [
    ['in use', (m) => m.used],
    ['open', (m) => m.used + m.idle + m.constructing],
  ],
  waiting: [['waiting', (m) => m.waiting]],
  times: [
    ['to acquire', (m) => mean(m.waited_seconds, m.acquires + m.acquire_failures)],
    ['of an operation', (m) => mean(m.call_seconds, m.calls)],
  ],
  failures: [
    ['acquires', (m) => rate(m.acquire_failures, m)],
    ['operations', (m) => rate(m.call_failures, m)],
  ],
};

// draw adds the page's last seconds to the plots. get returns the text of a path.
export async function draw(get) {
  const sections = [...document.querySelectorAll('#pools > .pool')];
  if (sections.some((section) => holders(section) && !follows(section))) {
    const { pools } = JSON.parse(await get('history.json'));
    if (pools.length !== sections.length) {
      return; // the pools have changed; the next update has the same
    }
    sections.forEach((section, i) => keep(section, pools[i].moments)); // they are newer than the page's
  } else {
    sections.filter(holders).forEach((section) => keep(section, JSON.parse(holders(section).dataset.moments)));
  }
  sections.filter(holders).forEach(show);
  for (const [id, pool] of kept) {
    if (!document.getElementById(id)) {
      pool.divs.forEach(remove);
      kept.delete(id);
    }
  }
}

const holders = (section) => section.querySelector('.plots');
const time = (m) => Date.parse(m.time) / 1000;

// follows reports whether the moments in a pool's section continue the kept ones without a gap.
function follows(section) {
  const last = kept.get(section.id)?.moments.at(-1);
  return last && time(JSON.parse(holders(section).dataset.moments)[0]) - time(last) < 2.5;
}

function keep(section, moments) {
  const pool = kept.get(section.id) ?? { moments: [], divs: [] };
  kept.set(section.id, pool);
  let last = pool.moments.length > 0 ? time(pool.moments.at(-1)) : 0;
  if (moments.length > 0 && time(moments.at(-1)) < last - 5) { // the clock was set back
    pool.moments = [];
    last = 0;
  }
  pool.moments.push(...moments.filter((m) => time(m) > last));
  while (pool.moments.length > 0 && time(pool.moments.at(-1)) - time(pool.moments[0]) > span) {
    pool.moments.shift();
  }
}

function show(section) {
  const pool = kept.get(section.id);
  const divs = [...section.querySelectorAll('.plot')];
  if (divs.some((div, i) => div !== pool.divs[i])) { // the section was replaced
    pool.divs.forEach(remove);
    pool.divs = divs;
    pool.size = Number(holders(section).dataset.size);
    rebuild(pool);
    return;
  }
  divs.forEach((div) => div.plot?.setData(data(div, pool)));
}

function rebuild(pool) {
  for (const div of pool.divs) {
    remove(div);
    const readout = document.createElement('p');
    readout.className = 'readout';
    div.plot = new uPlot(options(div, pool, readout), data(div, pool), div);
    div.append(readout);
    resized.observe(div);
  }
}

function remove(div) {
  resized.unobserve(div);
  div.plot?.destroy();
  delete div.plot;
  div.replaceChildren();
}

function data(div, { moments }) {
  return [moments.map(time), ...kinds[div.dataset.kind].map(([, value]) => moments.map(value))];
}

function options(div, pool, readout) {
  const kind = div.dataset.kind;
  const counts = kind === 'connections' || kind === 'waiting';
  const format = kind === 'times' ? seconds : counts ? String : (value) => String(Number(value.toPrecision(3)));
  const least = { connections: pool.size, waiting: 4, times: 0.001, failures: 1 }[kind]; // minimum range of the axis
  const axis = { stroke: color('--faint'), font: '11px system-ui, sans-serif', grid: { stroke: color('--line'), width: 1 }, ticks: { show: false } };
  const lines = kinds[kind].map(([label], i) => ({
    label,
    stroke: color(`--u${i}`),
    fill: i === 0 && counts ? color('--soft') : undefined,
    width: 1.5,
    paths: counts ? uPlot.paths.stepped({ align: 1 }) : undefined,
    points: { show: false },
    spanGaps: true,
  }));
  return {
    width: div.clientWidth,
    height,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 5 }, sync: { key: 'time' } },
    scales: { x: { range: (u, min, max) => [max - span, max] }, y: { range: (u, min, max) => [0, Math.max(max ?? 0, least) * 1.05] } },
    axes: [
      { ...axis, size: 22, space: 55, values: (u, splits) => splits.map((at) => clock(at).slice(0, 5)) },
      { ...axis, size: 48, space: 28, incrs: counts ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] : undefined, values: (u, splits) => splits.map(format) },
    ],
    series: [{}, ...lines],
    hooks: { setCursor: [(u) => (readout.textContent = read(u, format))] },
  };
}

// read returns the values under the cursor in words.
function read(u, format) {
  const i = u.cursor.idx;
  if (i === null || i === undefined || u.cursor.left < 0) {
    return '';
  }
  const values = u.series.slice(1).map((line, n) => {
    const value = u.data[n + 1][i];
    return `${line.label} ${value === null || value === undefined ? '-' : format(value)}`;
  });
  return `${clock(u.data[0][i])} ${values.join(', ')}`;
}

const clock = (at) => new Date(at * 1000).toISOString().slice(11, 19); // UTC, like all times on the page
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function seconds(value) {
  if (value === 0) {
    return '0';
  }
  const [factor, unit] = value < 0.001 ? [1e6, 'µs'] : value < 1 ? [1e3, 'ms'] : [1, 's'];
  return `${Number((value * factor).toPrecision(3))} ${unit}`;
}
