// The dashboards of this project in Grafana's own types: those of @grafana/schema, with each kind of panel that is used here
// bound to the options and field settings that its plugin has. Grafana fills in options that are left out, so none is required.
import type * as common from '@grafana/schema';
import type * as raw from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';
import type * as gauge from '@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// Query is a query to Prometheus. Grafana's schema does not have it: the data source became a plugin. What is here is what its editor saves.
interface Query {
  refId: string;
  datasource?: common.DataSourceRef;
  editorMode?: 'code' | 'builder';
  exemplar?: boolean;
  expr: string;
  format?: 'time_series' | 'table' | 'heatmap';
  hide?: boolean;
  instant?: boolean;
  interval?: string;
  legendFormat?: string;
  range?: boolean;
}

type Optional<T> = { [K in keyof T]?: T[K] };

interface FieldConfig<Custom> extends Omit<raw.FieldConfig, 'custom'> {
  custom?: Custom;
}

interface PanelOf<Type extends string, Options, Custom>
  extends Omit<raw.Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> {
  type: Type;
  options?: Optional<Options>;
  targets?: Query[];
  fieldConfig?: { defaults: FieldConfig<Custom>; overrides: raw.FieldConfigSource['overrides'] };
}

// Nothing is the field settings of a plugin that has none.
interface Nothing {}

type Panel =
  | PanelOf<'gauge', gauge.Options, Nothing>
  | PanelOf<'stat', stat.Options, Nothing>
  | PanelOf<'table', table.Options, Optional<table.FieldConfig>>
  | PanelOf<'timeseries', timeseries.Options, timeseries.FieldConfig>;

interface Row extends Omit<raw.RowPanel, 'panels'> {
  panels: Panel[];
}

// Annotation has, beside what all annotations have, what Prometheus' data source makes of its own.
interface Annotation extends Omit<raw.AnnotationQuery, 'target'> {
  target?: Query;
  tagKeys?: string;
  textFormat?: string;
  titleFormat?: string;
}

export interface Dashboard extends Omit<raw.Dashboard, 'panels' | 'annotations'> {
  panels: Array<Panel | Row>;
  annotations?: { list?: Annotation[] };
}
