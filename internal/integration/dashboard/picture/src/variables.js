// Sets the dashboard's variables for the screenshot: everything is selected, as when it is first opened, and the
// intervals are minutes.
const intervals = { window: '10s', ago: '1m' };

export function substitute(text, time) {
  const seconds = (ms) => `${Math.round(ms / 1000)}s`;
  return text
    .replaceAll('$__range', seconds(time.to - time.from))
    .replaceAll('$window', intervals.window)
    .replaceAll('$ago', intervals.ago)
    .replaceAll('[5m15s]', '[30s]')
    .replaceAll('$max_connections', '100')
    .replace(/\$(cluster|namespace|job|instance|pool|operation)\b/g, '.*');
}

// variables returns the labels of the controls at the top.
export async function variables(dashboard, time) {
  return Promise.all(
    dashboard.templating.list.map(async (v) => {
      const label = v.label ?? v.name;
      if (v.type === 'datasource') {
        return { label, value: 'Prometheus' };
      }
      if (v.type === 'custom') {
        return { label, value: intervals[v.name] };
      }
      if (v.type === 'textbox') {
        return { label, value: v.query };
      }
      return { label, value: v.includeAll ? 'All' : await firstValue(v, time) };
    }),
  );
}

async function firstValue(variable, time) {
  const [, series, label] = /^label_values\((.+), (\w+)\)$/.exec(variable.query.query);
  const query = new URLSearchParams({ 'match[]': substitute(series, time), start: time.from / 1000, end: time.to / 1000 });
  const answer = await (await fetch(`/api/v1/label/${label}/values?${query}`)).json();
  return answer.data[0];
}
