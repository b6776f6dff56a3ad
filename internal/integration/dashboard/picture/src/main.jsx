// Draws the dashboard from this page's server with Grafana's own components. The page's address sets the time range
// and the interval in milliseconds: ?from=…&to=…&interval=….
import { createRoot } from 'react-dom/client';
import { createTheme, dateTime, standardTransformers, standardTransformersRegistry, ThemeContext } from '@grafana/data';
import { GlobalStyles, PortalContainer } from '@grafana/ui';

import { Board } from './board.jsx';
import { framesOf } from './query.js';
import { variables } from './variables.js';

const address = new URLSearchParams(location.search);
const time = {
  from: Number(address.get('from')),
  to: Number(address.get('to')),
  interval: Number(address.get('interval')),
};

async function draw() {
  const { mergeTransformer, organizeFieldsTransformer, sortByTransformer } = standardTransformers;
  standardTransformersRegistry.setInit(() =>
    [mergeTransformer, organizeFieldsTransformer, sortByTransformer].map((t) => ({
      id: t.id,
      name: t.name,
      transformation: () => t,
      editor: () => null,
    })),
  );
  const dashboard = await (await fetch('/dashboard.json')).json();
  const selected = await variables(dashboard, time);
  const panels = dashboard.panels.filter((p) => p.type !== 'row');
  const frames = await Promise.all(panels.map((p) => framesOf(p, time)));
  const theme = createTheme({ colors: { mode: 'dark' } });
  const range = { from: dateTime(time.from), to: dateTime(time.to) };
  createRoot(document.getElementById('root')).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles hackNoBackdropBlur />
      <PortalContainer />
      <Board
        dashboard={dashboard}
        selected={selected}
        frames={new Map(panels.map((p, i) => [p.id, frames[i]]))}
        range={{ ...range, raw: range }}
        theme={theme}
      />
    </ThemeContext.Provider>,
  );
  await document.fonts.ready;
  await Promise.all([400, 500].map((weight) => document.fonts.load(`${weight} 14px Inter`)));
  // Report the panels without data to screenshot.js, which fails for them.
  window.empty = panels.filter((_, i) => frames[i].length === 0).map((p) => p.title);
  window.drawn = true;
}

draw().catch((err) => {
  window.failed = String(err?.stack ?? err);
});
