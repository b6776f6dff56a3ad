// Applies units, thresholds, colors and overrides of a panel to its data, with Grafana's own code. Only Grafana's
// application knows all settings; this file lists those of the dashboards.
import { applyFieldOverrides, cacheFieldDisplayNames, FieldConfigOptionsRegistry, FieldType } from '@grafana/data';

const standard = ['color', 'decimals', 'displayName', 'mappings', 'max', 'min', 'noValue', 'thresholds', 'unit'];
const custom = ['axisLabel', 'cellOptions', 'fillOpacity', 'lineStyle', 'lineWidth', 'width'];

const registry = new FieldConfigOptionsRegistry(() => [
  ...standard.map((path) => setting(path, path, false)),
  ...custom.map((path) => setting(`custom.${path}`, path, true)),
]);

function setting(id, path, isCustom) {
  return { id, path, isCustom, name: id, process: (value) => value, shouldApply: () => true, override: () => null, editor: () => null };
}

export function withFieldConfig(panel, frames, theme) {
  for (const { properties } of panel.fieldConfig.overrides) {
    for (const { id } of properties) {
      if (!registry.getIfExists(id)) {
        throw new Error(`${panel.title}: unknown setting "${id}"`);
      }
    }
  }
  const settled = applyFieldOverrides({
    data: frames,
    fieldConfig: panel.fieldConfig,
    fieldConfigRegistry: registry,
    replaceVariables: (text) => text,
    theme,
    timeZone: 'browser',
  });
  cacheFieldDisplayNames(settled);
  // Without the application's plugin registry, the code above does not copy custom settings that no override names.
  for (const field of settled.flatMap((f) => f.fields)) {
    field.config.custom = { ...panel.fieldConfig.defaults.custom, ...field.config.custom };
    if (field.type === FieldType.time) {
      delete field.config.custom.axisLabel; // as in Grafana, where it is not for the axis of the time
    }
  }
  return settled;
}
