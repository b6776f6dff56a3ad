package otelpool

import (
	"net"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
)

const defaultPort = 5432

// poolAttributes returns the attributes of every measurement of a pool. The first is the pool's name.
func (c config) poolAttributes(defaultName string) []attribute.KeyValue {
	name := c.poolName
	if !c.poolNameSet {
		name = defaultName
	}
	return slices.Concat([]attribute.KeyValue{semconv.DBClientConnectionPoolName(instruments.Sanitize(name))}, c.attributes)
}

// operationAttributes returns the attributes that all operations of a pool share.
func (c config) operationAttributes(cc *pgx.ConnConfig) []attribute.KeyValue {
	attrs := append(c.poolAttributes(defaultPoolName(cc)), semconv.DBSystemNamePostgreSQL)
	if !c.serverAttributes {
		return attrs
	}
	if cc.Database != "" {
		attrs = append(attrs, semconv.DBNamespace(instruments.Sanitize(cc.Database)))
	}
	attrs = append(attrs, semconv.ServerAddress(instruments.Sanitize(cc.Host)))
	if cc.Port != defaultPort {
		attrs = append(attrs, semconv.ServerPort(int(cc.Port)))
	}
	return attrs
}

// nameIn returns the pool's name in its attributes.
func nameIn(set attribute.Set) string {
	name, _ := set.Value(semconv.DBClientConnectionPoolNameKey)
	return name.AsString()
}

// defaultPoolName returns the name that the semantic conventions recommend. It must show nothing else of the connection
// string.
func defaultPoolName(cc *pgx.ConnConfig) string {
	name := net.JoinHostPort(cc.Host, strconv.Itoa(int(cc.Port)))
	if cc.Database != "" {
		name += "/" + cc.Database
	}
	return name
}
