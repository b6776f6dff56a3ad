// Package readme checks the documents: their code must equal Examples and programs that run, their links, metrics and
// commands must exist, and the table of metrics must list the existing instruments as the catalogue describes them. Run
// its tests with -update to write the generated parts.
package readme
