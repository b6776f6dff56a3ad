// Runs a panel's queries as Grafana's Prometheus data source does, and returns the same data frames.
import { FieldType, toDataFrame, transformDataFrame } from '@grafana/data';
import { firstValueFrom } from 'rxjs';

import { substitute } from './variables.js';

export async function framesOf(panel, time) {
  const answers = await Promise.all(panel.targets.map((t) => ask(t, time)));
  const frames = answers.flatMap((series, i) => {
    const target = panel.targets[i];
    return target.format === 'table' ? table(target, series) : series.map((s) => curve(target, s, time));
  });
  if (!panel.transformations) {
    return frames;
  }
  return firstValueFrom(transformDataFrame(panel.transformations, frames));
}

async function ask(target, time) {
  const query = { query: substitute(target.expr, time) };
  let path = 'query';
  if (target.instant) {
    query.time = time.to / 1000;
  } else {
    path = 'query_range';
    Object.assign(query, { start: time.from / 1000, end: time.to / 1000, step: time.interval / 1000 });
  }
  const answer = await (await fetch(`/api/v1/${path}?${new URLSearchParams(query)}`)).json();
  if (answer.status !== 'success') {
    throw new Error(`${query.query}: ${answer.error}`);
  }
  return answer.data.result;
}

// curve returns a frame with a value for each step, or a gap where Prometheus has no value.
function curve(target, series, time) {
  const times = [];
  for (let t = time.from; t <= time.to; t += time.interval) {
    times.push(t);
  }
  const known = new Map((series.values ?? [series.value]).map(([t, v]) => [Math.round(t * 1000), number(v)]));
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: target.instant ? [time.to] : times },
      {
        name: 'Value',
        type: FieldType.number,
        labels: series.metric,
        config: { displayNameFromDS: legend(target.legendFormat, series.metric) },
        values: target.instant ? [...known.values()] : times.map((t) => known.get(t) ?? null),
      },
    ],
  });
}

// table returns one frame with a row for each series.
function table(target, series) {
  if (series.length === 0) {
    return [];
  }
  const labels = Object.keys(series[0].metric);
  return [
    toDataFrame({
      refId: target.refId,
      fields: [
        { name: 'Time', type: FieldType.time, values: series.map((s) => s.value[0] * 1000) },
        ...labels.map((l) => ({ name: l, type: FieldType.string, values: series.map((s) => s.metric[l]) })),
        { name: `Value #${target.refId}`, type: FieldType.number, values: series.map((s) => number(s.value[1])) },
      ],
    }),
  ];
}

function number(text) {
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

function legend(format, labels) {
  return format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? '');
}
