package e2e_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// longHold is longer than every hold in these tests that is not a leak, also on a busy machine.
const longHold = 8 * time.Second

// troubledService is a service with a Sizing whose pool goes through troubles while a Prometheus scrapes it.
type troubledService struct {
	*service
	*prom
}

func newTroubledService(t *testing.T) *troubledService {
	t.Helper()
	config := postgrestest.Config(t)
	testutil.NoError(t, (otelpool.Sizing{PoolSize: baseSize, MaxOverflow: maxConns - baseSize}).Apply(config))
	s := serve(t, config, nil, otelpool.WithLongHold(longHold), otelpool.WithPeakWindow(3*time.Second), otelpool.WithLogger(slog.New(slog.DiscardHandler)))
	p := &troubledService{s, newProm(t)}
	p.users(t)
	return p
}

// recover waits until no connection is in use and the peak has expired. Two hours pass for Prometheus, so that no
// range of a query includes an earlier trouble.
func (p *troubledService) recover(t *testing.T) {
	t.Helper()
	postgrestest.AwaitRest(t, p.pool)
	testutil.Eventually(t, "the peak is forgotten", func() bool { return p.read(t, text).gauge(t, "db_pool_peak") == 0 })
	p.now = p.now.Add(2 * time.Hour)
}

// work runs a query between two scrapes, a few times.
func (p *troubledService) work(t *testing.T) {
	t.Helper()
	for range 4 {
		p.getUser(t)
		p.scrape(t, p.service, text)
	}
}

// getUser runs a query and waits until its connection is released, which with overflow takes a moment longer.
func (p *troubledService) getUser(t *testing.T) {
	t.Helper()
	before := p.pool.Stat().AcquiredConns()
	postgrestest.ExecContext(otelpool.WithOperation(t.Context(), "get_user_with_roles"), t, p.pool, "SELECT 1 FROM users")
	testutil.Eventually(t, "the connection is back", func() bool { return p.pool.Stat().AcquiredConns() <= before })
}

func (p *troubledService) calm(t *testing.T) (end func()) {
	t.Helper()
	p.work(t)
	return func() {}
}

// filled makes one operation hold all connections, most of them while another runs a query, and makes callers wait.
func (p *troubledService) filled(t *testing.T) (end func()) {
	t.Helper()
	p.scrape(t, p.service, text)
	for range 2 {
		taken := p.take(t, maxConns-1, "export_orders")
		p.getUser(t)
		p.scrape(t, p.service, text)
		postgrestest.Release(taken)
		postgrestest.AwaitRest(t, p.pool)
		p.scrape(t, p.service, text)
	}
	taken := p.take(t, maxConns, "export_orders")
	leave := p.crowd(t)
	p.scrape(t, p.service, text)
	return func() {
		leave()
		postgrestest.Release(taken)
	}
}

func (p *troubledService) spike(t *testing.T) (end func()) {
	t.Helper()
	p.scrape(t, p.service, text)
	for range 2 {
		postgrestest.Release(p.take(t, maxConns, "export_orders"))
		postgrestest.AwaitRest(t, p.pool)
		p.getUser(t)
		p.scrape(t, p.service, text)
	}
	return func() {}
}

// leak acquires a connection and does not release it until the trouble ends.
func (p *troubledService) leak(t *testing.T) (end func()) {
	t.Helper()
	leaked := p.take(t, 1, "forget_to_release")
	p.work(t)
	testutil.Eventually(t, "the leak is noticed", func() bool { return p.read(t, text).gauge(t, "db_pool_long_holds_total") >= 1 })
	p.work(t)
	return func() { postgrestest.Release(leaked) }
}

// misuse leaves a transaction open, and acquires two connections for one request.
func (p *troubledService) misuse(t *testing.T) (end func()) {
	t.Helper()
	p.work(t)
	open := p.take(t, 1, "transfer")
	postgrestest.Exec(t, open[0], "BEGIN")
	postgrestest.Release(open)
	postgrestest.AwaitRest(t, p.pool)
	request := otelpool.WithScope(t.Context(), "")
	for range 2 {
		conn, err := p.pool.Acquire(request)
		testutil.NoError(t, err)
		defer conn.Release()
	}
	p.work(t)
	return func() {}
}
