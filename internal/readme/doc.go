// Package readme checks the documents: their code must equal Examples and programs that run, their links, metrics and
// commands must exist, and the table of metrics must be that of the catalogue. Run its tests with -update to write the
// generated parts.
package readme
