// The content of a panel, drawn by Grafana's own components.
import { getFieldDisplayValues, VizOrientation } from '@grafana/data';
import { BigValue, TimeSeries, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';

import { Dial } from './dial.jsx';

export function Visualization(props) {
  switch (props.panel.type) {
    case 'timeseries':
      return <Curves {...props} />;
    case 'stat':
      return <Repeated {...props} render={(each) => <Number {...props} {...each} />} />;
    case 'gauge':
      return <Repeated {...props} render={(each) => <Dial {...props} {...each} />} />;
    case 'table':
      return <Rows {...props} />;
    default:
      throw new Error(`unknown panel type "${props.panel.type}"`);
  }
}

function Curves({ panel, frames, width, height, range }) {
  return (
    <TimeSeries
      frames={frames}
      width={width}
      height={height}
      timeRange={range}
      timeZone="browser"
      legend={{ ...panel.options.legend, calcs: panel.options.legend.calcs ?? [] }}
      options={panel.options}
    >
      {(builder) => {
        builder.setPadding([null, 24, null, null]); // for half of the last time label
        return null;
      }}
    </TimeSeries>
  );
}

// Repeated draws one child for each series.
function Repeated({ panel, frames, width, height, theme, render }) {
  const values = () =>
    getFieldDisplayValues({
      data: frames,
      fieldConfig: panel.fieldConfig,
      reduceOptions: panel.options.reduceOptions,
      replaceVariables: (text) => text,
      sparkline: panel.options.graphMode === 'area',
      theme,
      timeZone: 'browser',
    });
  return (
    <VizRepeater
      getValues={values}
      renderValue={({ value, width, height, count }) => render({ value, width, height, count })}
      source={frames}
      renderCounter={1}
      width={width}
      height={height}
      orientation={VizOrientation.Auto}
      itemSpacing={8}
      autoGrid
    />
  );
}

function Number({ panel, value, width, height, count, theme }) {
  const { colorMode, graphMode, justifyMode, textMode } = panel.options;
  return (
    <BigValue
      value={value.display}
      sparkline={value.sparkline}
      count={count}
      width={width}
      height={height}
      colorMode={colorMode}
      graphMode={graphMode}
      justifyMode={justifyMode}
      textMode={textMode}
      theme={theme}
    />
  );
}

function Rows({ frames, width, height }) {
  return <TableNG data={frames[0]} width={width} height={height} structureRev={1} />;
}
