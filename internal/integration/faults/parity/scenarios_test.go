package parity_test

import "slices"

// scenarios are those of pgx v5.12.0's tests of pgxpool that concern a pool. They leave out the parsing of connection
// strings, which otelpool does not affect.
var scenarios = slices.Concat(acquireScenarios, hookScenarios, closingScenarios, callScenarios, batchScenarios, pingScenarios, offlineScenarios)
