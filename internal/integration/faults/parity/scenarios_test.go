package parity_test

import "slices"

// scenarios are those of pgx v5.12.0's tests of pgxpool that are about a pool; of its parsing of connection strings
// otelpool has no part.
var scenarios = slices.Concat(acquireScenarios, hookScenarios, closingScenarios, callScenarios, batchScenarios, pingScenarios, offlineScenarios)
