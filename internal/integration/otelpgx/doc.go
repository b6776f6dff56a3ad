// Package otelpgx has the tests of docs/otelpgx.md: otelpgx and otelpool measure one pool, and the page names all that
// otelpgx has.
package otelpgx
