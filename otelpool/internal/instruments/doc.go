// Package instruments is the OpenTelemetry side of otelpool: the instruments, the series that are recorded to, the names
// of operations, and the values that a collection observes.
//
// The instruments are created from internal/catalogue. Histograms are recorded when an event ends, each through a
// prepared [Series]. Everything else is observed at collection. [Values] has a place for each series of the catalogue's
// observable instruments, and loops over these create the instruments, add up pools of one name, keep the counts of
// unregistered pools, and report. So a new counter or gauge is a row of the catalogue, and the line that counts or sets
// it.
//
// The package knows OpenTelemetry's API but neither pgx nor the state of a pool. All exported functions and methods are
// safe for concurrent use, except those of Values.
package instruments
