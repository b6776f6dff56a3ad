// Package peers holds what involves other instrumentations of pgx, in a module of its own so that users of otelpool
// never see them in their go.mod.
package peers
