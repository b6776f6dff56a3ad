// A gauge, which @grafana/ui no longer has. It looks like Grafana's own, and uses the value, colors and thresholds
// from Grafana's code.
import { formattedValueToString } from '@grafana/data';

const span = (4 / 3) * Math.PI; // from end to end
const start = -Math.PI / 2 - span / 2; // the lower left

export function Dial({ panel, value, width, height, count, theme }) {
  const { min, max, thresholds } = value.field;
  const name = count > 1 || value.display.title ? value.display.title : '';
  const below = name ? 22 : 0;
  const radius = Math.min(width / 2 - 4, (height - below - 8) / 1.5);
  const x = width / 2;
  const y = radius + 4;
  const bar = radius * 0.24;
  const share = (v) => Math.min(1, Math.max(0, (v - min) / (max - min)));
  const arc = (from, to, r, thickness, color) => (
    <path key={`${r} ${from}`} d={path(x, y, r, from, to)} fill="none" stroke={color} strokeWidth={thickness} />
  );
  const text = { textAnchor: 'middle', fontFamily: theme.typography.fontFamily };
  return (
    <svg width={width} height={height}>
      {panel.options.showThresholdMarkers &&
        thresholds.steps.map((step, i) => {
          const from = share(step.value ?? min);
          const to = share(thresholds.steps[i + 1]?.value ?? max);
          return arc(from, to, radius - 2, 4, theme.visualization.getColorByName(step.color));
        })}
      {arc(0, 1, radius - 7 - bar / 2, bar, theme.colors.background.secondary)}
      {arc(0, share(value.display.numeric), radius - 7 - bar / 2, bar, value.display.color)}
      <text x={x} y={y + radius * 0.16} fontSize={radius * 0.44} fontWeight={500} fill={value.display.color} {...text}>
        {formattedValueToString(value.display)}
      </text>
      <text x={x} y={y + radius * 0.5 + 20} fontSize={13} fill={theme.colors.text.secondary} {...text}>
        {name}
      </text>
    </svg>
  );
}

// path returns an arc between two fractions of the span.
function path(x, y, r, from, to) {
  const point = (share) => [x + r * Math.cos(start + share * span), y + r * Math.sin(start + share * span)].join(' ');
  const large = (to - from) * span > Math.PI ? 1 : 0;
  return `M ${point(from)} A ${r} ${r} 0 ${large} 1 ${point(to)}`;
}
