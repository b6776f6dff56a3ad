package catalogue

import "slices"

// Keys of the attributes that the rows have.
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

// Labels that documented metrics have in place of the translated attribute key.
const (
	LabelPool      = "pool"
	LabelOperation = "operation"
)

// Presence tells on which series of a metric an attribute is found.
type Presence uint8

// The conditions under which a series has an attribute.
const (
	Always Presence = iota + 1
	OnFailure
	WhenNamed
	ByOption
)

// String returns the presence in the words of documentation.
func (p Presence) String() string {
	switch p {
	case Always:
		return "always"
	case OnFailure:
		return "on failure"
	case WhenNamed:
		return "when the caller named the operation"
	case ByOption:
		return "by option"
	default:
		return "unknown"
	}
}

// Attribute is an attribute that the series of a row carry.
type Attribute struct {
	// Key is the attribute's key in OpenTelemetry.
	Key string

	// Presence tells on which series it is found.
	Presence Presence

	// Values are all the values it can have, where that set is closed.
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

	// successAttributes are those of the metrics that have a sample for every operation that succeeded.
	successAttributes = []Attribute{
		pool,
		operation,
		{Key: AttrSystem, Presence: Always, Values: []string{"postgresql"}},
		{Key: AttrNamespace, Presence: ByOption},
		{Key: AttrServer, Presence: ByOption},
		{Key: AttrPort, Presence: ByOption},
	}

	// operationAttributes are those of the metrics that have a sample for every operation.
	operationAttributes = append(slices.Clone(successAttributes),
		Attribute{Key: AttrErrorType, Presence: OnFailure},
		Attribute{Key: AttrStatusCode, Presence: OnFailure},
	)
)
