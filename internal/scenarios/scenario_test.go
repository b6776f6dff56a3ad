package scenarios

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// scenario is something that goes wrong.
type scenario struct {
	Name string

	// Want is the expected first finding. Also is a second cause, which another finding must name.
	Want wanted
	Also *wanted

	Load float64 // of eight connections; 0 for the usual load

	// Within is the time in which the finding must come first; 0 for 30 s. Only a trouble that users do not notice may
	// take longer.
	Within time.Duration

	// Settings of the pool besides MaxConns.
	Config  func(*pgxpool.Config)
	Sizing  *otelpool.Sizing
	Options []otelpool.Option

	Alone   bool // the trouble is one of the whole program, so no other scenario runs at the same time
	Network bool // the pool reaches the server through a proxy
	TLS     bool // the proxy terminates TLS
	Asks    bool // the server is asked too

	// FromStart reports whether the trouble exists from the start, such as a wrong setting.
	FromStart bool

	// Begin starts the trouble, and returns a function that repairs it. It is nil if only the settings are wrong.
	Begin func(ctx context.Context, e *env) (repair func() error, err error)
}

// wanted is an expected finding: its kind, and the operations or units of work that it may name. If there are none, it
// must name none.
type wanted struct {
	Kind   diagnose.Kind
	Guilty []string
	Says   string // a name that the summary must contain, such as another program's
}

func want(kind diagnose.Kind, guilty ...string) wanted { return wanted{Kind: kind, Guilty: guilty} }

// isBy reports whether f is the expected finding.
func (w wanted) isBy(f diagnose.Finding) bool {
	if f.Kind != w.Kind || !strings.Contains(f.Summary, w.Says) {
		return false
	}
	return len(w.Guilty) == 0 && f.Operation == "" || slices.Contains(w.Guilty, f.Operation)
}

// renewed makes the pool open a connection every few seconds, by a short lifetime.
func renewed(c *pgxpool.Config) {
	c.MaxConnLifetime, c.MaxConnLifetimeJitter = 20*time.Second, 20*time.Second
}

// named makes the pool look the server's name up.
func named(c *pgxpool.Config) { c.ConnConfig.Host = host }

var scenarios = []scenario{
	// The program keeps connections.
	{Name: "connections are not returned", Want: want(diagnose.Leak, report), Begin: leak},
	{Name: "rows are left open", Want: want(diagnose.Leak, report), Begin: leakRows},
	{Name: "units acquire twice, and all wait", Want: want(diagnose.NestedDeadlock, checkout), Begin: nestedDeadlock},
	{Name: "units acquire twice", Want: want(diagnose.NestedAcquires, product), Load: 0.2, Begin: nested},
	{Name: "a job idles in its transaction, with a lock", Want: want(diagnose.IdleInTransaction, job), Begin: idleInTransaction},
	{Name: "logins call another service", Want: want(diagnose.HeldIdle, login), Begin: heldIdle},
	{Name: "rows are read slowly", Want: want(diagnose.SlowReader, report, "SalesReport"), Begin: slowReader},
	{Name: "transactions are not ended", Want: want(diagnose.TransactionOpen, addCart), Begin: transactionOpen},
	{Name: "rows are not closed", Want: want(diagnose.ReleasedBusy, products), Begin: releasedBusy},

	// The program does more than before, or something else.
	{Name: "a statement is ten times slower", Want: want(diagnose.SlowOperation, "ListOrders"), Begin: slower("ListOrders", 10)},
	{Name: "a page is called ten times as often", Want: want(diagnose.MoreCalls, "GetCart", cart), Begin: more(cart, 10)},
	{Name: "a query for each order", Want: want(diagnose.QueriesPerUnit, orders), Begin: queryForEach},
	{Name: "a failing insert is tried again and again", Want: want(diagnose.RetryStorm, "AddToCart", addCart), Begin: retryStorm},
	{Name: "an insert is not permitted", Want: want(diagnose.OperationFails, "InsertLogin"), Begin: notPermitted},
	{Name: "transactions deadlock", Want: want(diagnose.OperationFails, "ReserveStock"), Begin: deadlocks},
	{Name: "callers wait 30 ms and no longer", Want: want(diagnose.DeadlineTooShort, "", "ListProducts", "InsertOrder", "ListOrders", "search products", "SalesReport", "outbox"), Begin: shortDeadline},
	{Name: "names contain what was searched", Want: want(diagnose.NamesCapped), Begin: manyNames,
		Options: []otelpool.Option{otelpool.WithOperationLimit(50)}},
	{Name: "the program is short of processors", Want: want(diagnose.ProgramSlow), Alone: true, Begin: busyProgram},

	// The server and the network have a problem.
	{Name: "all statements are four times slower", Want: want(diagnose.ServerSlow), Load: 0.2, Begin: slower("%", 4)},
	{Name: "the network takes 10 ms more each way", Want: want(diagnose.NetworkSlow), Load: 0.25, Network: true, Begin: delay(packets, 10*time.Millisecond)},
	{Name: "the server ends statements after 50 ms", Want: want(diagnose.DeadlineTooShort, ""), Begin: statementTimeout},
	{Name: "a session of another program locks the stock", Want: want(diagnose.SlowOperation, "ReserveStock"), Begin: foreignLock},
	{Name: "a session of another program locks the stock, and the server is asked",
		Want: wanted{Kind: diagnose.BlockedOnServer, Says: foreign}, Asks: true, Begin: foreignLock},
	{Name: "the server is down", Want: want(diagnose.ServerAway), Network: true, Begin: serverAway},
	{Name: "dials are not answered", Want: want(diagnose.ServerAway), Network: true, Begin: dialing(delay(dials, 8*time.Second))},
	{Name: "the server has no connections left", Want: want(diagnose.ServerFull), Begin: serverFull},
	{Name: "the server starts", Want: want(diagnose.ServerStarting), Network: true, Begin: serverStarts},
	{Name: "the password was changed", Want: want(diagnose.LoginRefused), Begin: passwordChanged},
	{Name: "the server's name is unknown", Want: want(diagnose.NameNotResolved), Config: named, Begin: nameUnknown},
	{Name: "the server's certificate has expired", Want: want(diagnose.TLSFails), TLS: true, Begin: certificateExpired},
	{Name: "a dial takes a second", Want: want(diagnose.SlowDial), Network: true, Config: renewed, Begin: delay(dials, time.Second)},
	{Name: "a firewall forgets all connections", Want: want(diagnose.ServerAway), Network: true, Begin: forgotten},
	{Name: "a firewall drops all packets", Want: want(diagnose.ServerAway), Network: true, Begin: dropped},
	{Name: "pings on a slow network", Want: want(diagnose.PingCost), Load: 0.3, Network: true, FromStart: true,
		Sizing: &otelpool.Sizing{PoolSize: 8, PrePing: true}, Begin: delay(packets, 8*time.Millisecond)},

	// The pool's settings.
	{Name: "the pool is too small", Want: want(diagnose.PoolTooSmall), Load: 1.2, FromStart: true},
	{Name: "the load of all operations grows", Want: want(diagnose.LoadGrown), Begin: loadGrows},
	{Name: "the pool is too big", Want: want(diagnose.PoolTooBig), Load: 0.15, Within: 90 * time.Second, FromStart: true,
		Config: func(c *pgxpool.Config) { c.MaxConns, c.MinConns = 40, 40 }},
	{Name: "the pool starts cold", Want: want(diagnose.ColdStart), Network: true, FromStart: true,
		Config: func(c *pgxpool.Config) { c.MinConns = 0 }, Begin: delay(dials, 400*time.Millisecond)},
	{Name: "connections live two seconds", Want: want(diagnose.Churn), FromStart: true,
		Config: func(c *pgxpool.Config) { c.MaxConnLifetime = 2 * time.Second; c.HealthCheckPeriod = time.Second }},
	{Name: "overflow is opened and closed all the time", Want: want(diagnose.Churn), FromStart: true,
		Config: func(c *pgxpool.Config) { c.MinConns = 0 }, Sizing: &otelpool.Sizing{PoolSize: 2, MaxOverflow: 6}},

	// Two at the same time.
	{Name: "a leak, and an insert that is not permitted", Want: want(diagnose.Leak, report),
		Also: &wanted{Kind: diagnose.OperationFails, Guilty: []string{"InsertLogin"}}, Begin: both(leak, notPermitted)},
	{Name: "a slower statement, and a page that is called more", Want: want(diagnose.SlowOperation, "ListOrders"),
		Also: &wanted{Kind: diagnose.MoreCalls, Guilty: []string{"GetCart", cart}}, Begin: both(slower("ListOrders", 10), more(cart, 10))},
}
