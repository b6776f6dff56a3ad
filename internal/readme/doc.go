// Package readme checks the README: its code must equal Examples and programs that run, and its table of metrics must
// list the existing instruments as the catalogue describes them. Run its tests with -update to rewrite the table.
package readme
