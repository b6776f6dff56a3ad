// Package sibling lets packages beside otelpool use what otelpool keeps of a pool without being part of its API.
package sibling

import "github.com/jackc/pgx/v5/pgxpool"

// Warn logs a line about a pool where the pool's other lines are logged: to its logger, or by slog.Default if the pool is not
// instrumented. Package otelpool sets it.
var Warn func(pool *pgxpool.Pool, message, advice string)
