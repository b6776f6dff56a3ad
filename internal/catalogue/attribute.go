package catalogue

import "slices"

// Keys of the rows' attributes.
const (
	AttrPool       = "db.client.connection.pool.name"
	AttrState      = "db.client.connection.state"
	AttrOperation  = "db.query.summary"
	AttrSystem     = "db.system.name"
	AttrErrorType  = "error.type"
	AttrStatusCode = "db.response.status_code"
	AttrNamespace  = "db.namespace"
	AttrServer     = "server.address"
	AttrPort       = "server.port"
	AttrPhase      = "phase"
	AttrResult     = "result"
	AttrReason     = "reason"
)

// Values of AttrState.
const (
	StateUsed = "used"
	StateIdle = "idle"
)

// Labels of documented metrics that differ from the translated attribute key.
const (
	LabelPool      = "pool"
	LabelOperation = "operation"
)

// Presence says which series of a metric have an attribute.
type Presence uint8

// The conditions under which a series has an attribute.
const (
	Always Presence = iota + 1
	OnFailure
	WhenUsed
	ByOption
)

// String returns the presence as the documentation words it.
func (p Presence) String() string {
	switch p {
	case Always:
		return "always"
	case OnFailure:
		return "on failure"
	case WhenUsed:
		return "unless nothing is named or run"
	case ByOption:
		return "by option"
	default:
		return "unknown"
	}
}

// Attribute is an attribute of a row's series.
type Attribute struct {
	// Key is the attribute's key in OpenTelemetry.
	Key string

	// Presence says which series have the attribute.
	Presence Presence

	// Values lists all values of the attribute if that set is closed.
	Values []string
}

// Label returns the attribute's label on a documented metric.
func (a Attribute) Label() string {
	switch a.Key {
	case AttrPool:
		return LabelPool
	case AttrOperation:
		return LabelOperation
	default:
		return TranslatedLabel(a.Key)
	}
}

// Attributes that several rows share.
var (
	pool      = Attribute{Key: AttrPool, Presence: Always}
	operation = Attribute{Key: AttrOperation, Presence: Always}
	errorType = Attribute{Key: AttrErrorType, Presence: Always}

	poolOnly = []Attribute{pool}

	// successAttributes are the attributes of metrics with a sample for every successful operation.
	successAttributes = []Attribute{
		pool,
		operation,
		{Key: AttrSystem, Presence: Always, Values: []string{"postgresql"}},
		{Key: AttrNamespace, Presence: ByOption},
		{Key: AttrServer, Presence: ByOption},
		{Key: AttrPort, Presence: ByOption},
	}

	// operationAttributes are the attributes of metrics with a sample for every operation.
	operationAttributes = append(slices.Clone(successAttributes),
		Attribute{Key: AttrErrorType, Presence: OnFailure},
		Attribute{Key: AttrStatusCode, Presence: OnFailure},
	)
)
