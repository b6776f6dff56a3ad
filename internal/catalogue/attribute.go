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
	AttrKind       = "kind"
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

// Presence says which series of a metric have an attribute, in the words of the documentation.
type Presence string

// The conditions under which a series has an attribute.
const (
	Always    Presence = "always"
	OnFailure Presence = "on failure"
	WhenUsed  Presence = "if the unit of work has a name"
	WhenKnown Presence = "if known"
	ByOption  Presence = "by option"
)

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

	// unitOfWork are the attributes of metrics about the holds of connections.
	unitOfWork = []Attribute{pool, {Key: AttrOperation, Presence: WhenUsed}}

	// findingKinds are the kinds of package diagnose, in its order.
	findingKinds = []string{
		"leak", "nested_deadlock", "nested_acquires", "idle_in_transaction", "held_idle", "slow_reader", "transaction_open", "released_busy",
		"slow_operation", "more_calls", "queries_per_unit", "retry_storm", "operation_fails", "deadline_too_short", "names_capped", "program_slow",
		"server_slow", "network_slow", "blocked", "server_away", "server_full", "server_starting", "login_refused", "name_unresolved",
		"tls_fails", "dial_fails", "slow_dial", "ping_cost", "closing_fill_pool",
		"pool_too_small", "load_grown", "pool_too_big", "cold_start", "churn",
		"callers_wait", "callers_time_out",
	}

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
