// Package readme keeps the README true: its code is that of Examples and programs that run, and its table of metrics
// is made of the catalogue, for exactly the instruments that exist. Run its tests with -update to write the table anew.
package readme
