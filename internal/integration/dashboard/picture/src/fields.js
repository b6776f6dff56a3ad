// Applies units, thresholds, colors and overrides of a panel to its data, by Grafana's own code. Which settings there are is
// known to Grafana's application; here are those that the dashboards use.
import { applyFieldOverrides, cacheFieldDisplayNames, FieldConfigOptionsRegistry } from '@grafana/data';

const standard = ['color', 'decimals', 'displayName', 'mappings', 'max', 'min', 'noValue', 'thresholds', 'unit'];
const custom = ['cellOptions', 'fillOpacity', 'lineStyle', 'lineWidth'];

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
        throw new Error(`${panel.title}: the setting ${id} is not known to the picture`);
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
  // Custom settings that no override names are not copied by the above without the application's registry of the plugin.
  for (const field of settled.flatMap((f) => f.fields)) {
    field.config.custom = { ...panel.fieldConfig.defaults.custom, ...field.config.custom };
  }
  return settled;
}
