// The page: the head of the dashboard, and its panels at the positions of gridPos.
import { renderMarkdown } from '@grafana/data';
import { Icon, PanelChrome } from '@grafana/ui';

import { withFieldConfig } from './fields.js';
import { Visualization } from './visualization.jsx';

const width = 1600;
const margin = 16;
const gap = 8;
const unit = 30; // the height of a row of the grid
const column = (width - 2 * margin + gap) / 24;

export function Board({ dashboard, selected, frames, range, theme }) {
  const head = 92;
  const bottom = Math.max(...dashboard.panels.map((p) => p.gridPos.y + p.gridPos.h));
  return (
    <div id="board" style={{ position: 'relative', width, height: head + bottom * (unit + gap) + margin, background: theme.colors.background.canvas }}>
      <Head dashboard={dashboard} selected={selected} range={range} theme={theme} />
      {dashboard.panels.map((panel) => {
        const place = {
          position: 'absolute',
          left: margin + panel.gridPos.x * column,
          top: head + panel.gridPos.y * (unit + gap),
        };
        const size = { width: panel.gridPos.w * column - gap, height: panel.gridPos.h * (unit + gap) - gap };
        return (
          <div key={panel.id} style={{ ...place, ...size }}>
            {panel.type === 'row' ? (
              <Row panel={panel} theme={theme} />
            ) : (
              <Panel panel={panel} size={size} frames={frames.get(panel.id)} range={range} theme={theme} />
            )}
          </div>
        );
      })}
    </div>
  );
}

function Panel({ panel, size, frames, range, theme }) {
  return (
    <PanelChrome title={panel.title} description={() => renderMarkdown(panel.description)} {...size}>
      {(innerWidth, innerHeight) => (
        <Visualization
          panel={panel}
          frames={withFieldConfig(panel, frames, theme)}
          width={innerWidth}
          height={innerHeight}
          range={range}
          theme={theme}
        />
      )}
    </PanelChrome>
  );
}

function Row({ panel, theme }) {
  return (
    <div style={{ display: 'flex', alignItems: 'center', gap, height: '100%', ...theme.typography.h5, color: theme.colors.text.primary }}>
      <Icon name={panel.collapsed ? 'angle-right' : 'angle-down'} />
      {panel.title}
      {panel.collapsed && <span style={{ color: theme.colors.text.secondary, fontWeight: 400 }}>({panel.panels.length} panels)</span>}
    </div>
  );
}

function Head({ dashboard, selected, range, theme }) {
  const text = (time) => time.format('YYYY-MM-DD HH:mm:ss');
  const box = {
    border: `1px solid ${theme.colors.border.medium}`,
    borderRadius: theme.shape.radius.default,
    background: theme.components.input.background,
    color: theme.colors.text.primary,
    padding: '4px 8px',
  };
  return (
    <div style={{ padding: `12px ${margin}px`, ...theme.typography.bodySmall, color: theme.colors.text.secondary }}>
      <div style={{ display: 'flex', justifyContent: 'space-between', alignItems: 'center', height: 34 }}>
        <span style={{ ...theme.typography.h3, color: theme.colors.text.primary }}>{dashboard.title}</span>
        <span style={{ ...box, display: 'flex', gap: 6 }}>
          <Icon name="clock-nine" size="sm" />
          {text(range.from)} to {text(range.to)}
        </span>
      </div>
      <div style={{ display: 'flex', gap: 16, marginTop: 4 }}>
        {selected.map(({ label, value }) => (
          <span key={label} style={{ display: 'flex', alignItems: 'center', gap: 6 }}>
            {label}
            <span style={box}>{value}</span>
          </span>
        ))}
      </div>
    </div>
  );
}
