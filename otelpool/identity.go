package otelpool

import (
	"net"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

const defaultPort = 5432

// poolAttributes are those of every measurement of a pool.
func (c config) poolAttributes(cc *pgx.ConnConfig) []attribute.KeyValue {
	name := c.poolName
	if !c.poolNameSet {
		name = defaultPoolName(cc)
	}
	return slices.Concat([]attribute.KeyValue{semconv.DBClientConnectionPoolName(sanitize(name))}, c.attributes)
}

// operationAttributes are those of an operation, but for what tells it from others.
func (c config) operationAttributes(cc *pgx.ConnConfig) []attribute.KeyValue {
	attrs := append(c.poolAttributes(cc), semconv.DBSystemNamePostgreSQL)
	if !c.serverAttributes {
		return attrs
	}
	if cc.Database != "" {
		attrs = append(attrs, semconv.DBNamespace(sanitize(cc.Database)))
	}
	attrs = append(attrs, semconv.ServerAddress(sanitize(cc.Host)))
	if cc.Port != defaultPort {
		attrs = append(attrs, semconv.ServerPort(int(cc.Port)))
	}
	return attrs
}

// defaultPoolName is the one that the semantic conventions recommend. Nothing else of the connection string may show.
func defaultPoolName(cc *pgx.ConnConfig) string {
	name := net.JoinHostPort(cc.Host, strconv.Itoa(int(cc.Port)))
	if cc.Database != "" {
		name += "/" + cc.Database
	}
	return name
}
