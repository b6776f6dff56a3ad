package otelpool_test

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestAttributesOfTheCatalogueAreReserved takes each for an attribute of the user. That may name the server, where the option
// does not.
func TestAttributesOfTheCatalogueAreReserved(t *testing.T) {
	t.Parallel()
	for _, row := range catalogue.Rows() {
		for _, a := range row.Attributes {
			opts := []otelpool.Option{otelpool.WithAttributes(attribute.String(a.Key, "mine"))}
			switch a.Key {
			case catalogue.AttrNamespace, catalogue.AttrServer, catalogue.AttrPort:
				opts = append(opts, otelpool.WithServerAttributes())
			}
			if _, err := otelpool.Instrument(parse(t, "host=localhost"), opts...); err == nil {
				t.Errorf("%s: attribute %q of the user is taken", row.Name, a.Key)
			}
		}
	}
}
