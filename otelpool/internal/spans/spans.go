// Package spans begins and ends the spans of a pool. The common parts of spans are created once.
package spans

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
)

// Start is a span that is about to begin, for the user's function.
type Start struct {
	Name       string
	Attributes []attribute.KeyValue
	SQL        string // "" unless the span is of one statement
}

// Config configures the spans of a pool.
type Config struct {
	Provider   trace.TracerProvider
	Version    string
	Roots      bool // begin spans that have no parent
	Attributes []attribute.KeyValue
	Change     func(context.Context, *Start) // nil if the user has none
}

// Tracer begins the spans of one pool. It is safe for concurrent use.
type Tracer struct {
	config Config
	tracer trace.Tracer
}

// New returns the Tracer of a configuration. The provider is the user's, so a panic of the provider becomes an error.
func New(c Config) (t *Tracer, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("otelpool: TracerProvider %T panicked: %v", c.Provider, p)
		}
	}()
	tracer := c.Provider.Tracer(catalogue.ScopeName, trace.WithInstrumentationVersion(c.Version), trace.WithSchemaURL(semconv.SchemaURL))
	if tracer == nil {
		return nil, fmt.Errorf("otelpool: TracerProvider %T returned no Tracer", c.Provider)
	}
	return &Tracer{config: c, tracer: tracer}, nil
}

// Wanted reports whether a span begins in ctx: if its parent is recording, or sampled and remote, or if there is no
// parent and roots are allowed. ctx may be nil.
func (t *Tracer) Wanted(ctx context.Context) bool {
	parent := trace.SpanFromContext(ctx)
	if parent.IsRecording() {
		return true
	}
	of := parent.SpanContext()
	if !of.IsValid() {
		return t.config.Roots
	}
	return of.IsRemote() && of.IsSampled()
}

// Kind has the common parts of all spans of one name.
type Kind struct {
	name       string
	kind       trace.SpanKind
	attributes []attribute.KeyValue
	options    []trace.SpanStartOption
}

// NewKind returns the Kind of spans with those attributes, besides those of the pool.
func (t *Tracer) NewKind(name string, kind trace.SpanKind, attributes ...attribute.KeyValue) *Kind {
	k := &Kind{name: name, kind: kind, attributes: slices.Concat(t.config.Attributes, attributes)}
	k.options = []trace.SpanStartOption{trace.WithSpanKind(kind), trace.WithAttributes(k.attributes...)}
	return k
}

// Details are the parts of one span besides its Kind. The zero value has none.
type Details struct {
	Attributes []attribute.KeyValue
	SQL        string            // for the user's function
	Ago        time.Duration     // how long ago it began
	Link       trace.SpanContext // to another span, if it is valid
	LinkKind   attribute.KeyValue
}

// Begin begins a span, and returns it and a context that has it. The span is nil, and the context ctx, if the sampler
// drops it, and if the user's provider or function panicked: the caller is in the middle of a request. ctx may be nil.
func (t *Tracer) Begin(ctx context.Context, k *Kind, d Details) (in context.Context, span trace.Span) {
	in = ctx
	defer panics.Recover()
	if ctx == nil {
		ctx = context.Background()
	}
	name, options := k.name, k.options
	if t.config.Change != nil {
		s := Start{Name: name, Attributes: slices.Concat(k.attributes, d.Attributes), SQL: d.SQL}
		t.config.Change(ctx, &s)
		name = s.Name
		options = []trace.SpanStartOption{trace.WithSpanKind(k.kind), trace.WithAttributes(s.Attributes...)}
	} else if len(d.Attributes) > 0 {
		options = append(slices.Clip(options), trace.WithAttributes(d.Attributes...))
	}
	if d.Ago > 0 {
		options = append(slices.Clip(options), trace.WithTimestamp(time.Now().Add(-d.Ago)))
	}
	if d.Link.IsValid() {
		options = append(slices.Clip(options), trace.WithLinks(trace.Link{SpanContext: d.Link, Attributes: []attribute.KeyValue{d.LinkKind}}))
	}
	within, begun := t.tracer.Start(ctx, name, options...)
	if !begun.IsRecording() && !begun.SpanContext().IsSampled() { // the sampler drops it: its parent may exist
		return ctx, nil
	}
	return within, begun
}

// End ends a span. attributes are those known only at its end.
func End(span trace.Span, f instruments.Failure, attributes ...attribute.KeyValue) {
	defer panics.Recover()
	if len(attributes) > 0 {
		span.SetAttributes(attributes...)
	}
	if f.Failed() {
		span.SetAttributes(f.Attributes()...)
		span.SetStatus(codes.Error, f.ErrorType)
	}
	span.End()
}

// AddEvent adds an event to a span.
func AddEvent(span trace.Span, name string, f instruments.Failure, attributes ...attribute.KeyValue) {
	defer panics.Recover()
	if f.Failed() {
		attributes = append(attributes, f.Attributes()...)
	}
	span.AddEvent(name, trace.WithAttributes(attributes...))
}

var panics = instruments.Panics{Lost: "tracer panicked, span lost"}
