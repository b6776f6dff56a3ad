// The dashboards of this project in Grafana's own types, from @grafana/schema. Each kind of panel in use is bound to
// the options and field settings of its plugin. All options are optional, because Grafana fills in missing ones.
import type * as common from '@grafana/schema';
import type * as raw from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';
import type * as gauge from '@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// Query is a query to Prometheus, with the fields that its editor saves. Grafana's schema lacks it since the data
// source became a plugin.
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

// Nothing is the field settings of a plugin without any.
interface Nothing {}

type Panel =
  | PanelOf<'gauge', gauge.Options, Nothing>
  | PanelOf<'stat', stat.Options, Nothing>
  | PanelOf<'table', table.Options, Optional<table.FieldConfig>>
  | PanelOf<'timeseries', timeseries.Options, timeseries.FieldConfig>;

interface Row extends Omit<raw.RowPanel, 'panels'> {
  panels: Panel[];
}

// Annotation is a common annotation with the additional fields of Prometheus' data source.
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
