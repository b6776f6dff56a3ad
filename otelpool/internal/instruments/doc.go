// Package instruments is the OpenTelemetry side of otelpool: the instruments, the series that are recorded to, the names
// of operations, and the values that a collection observes.
//
// The instruments are made from internal/catalogue. Histograms are recorded to as things happen, each through a prepared
// [Series]. Everything else is observed at collection: [Values] has a place for each series of the catalogue's observable
// instruments, and all that is done with them (creating the instruments, adding up pools of one name, carrying over what
// a pool counted, reporting) is a loop over them. So a new counter or gauge is a row of the catalogue, and the line that
// counts or sets it.
//
// The package knows OpenTelemetry's API but neither pgx nor the state of a pool. All exported functions and methods are
// safe for concurrent use, except those of Values.
package instruments
