// Package otelpgx tests docs/otelpgx.md with a pool that both otelpgx and otelpool measure.
package otelpgx
