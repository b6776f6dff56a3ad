package recipes_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/poolz"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/otelpool"
)

// A service that serves the default registry with a chi router, and creates its pool from a configuration.
func Example_service() {
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL")) // as before, with limits, hooks and tracer
	if err != nil {
		log.Fatal(err)
	}
	metrics, err := prometheus.New()
	if err != nil {
		log.Fatal(err)
	}
	if err := metrics.Register(client.DefaultRegisterer); err != nil {
		log.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(metrics))
	// In place of pgxpool.NewWithConfig(ctx, config).
	pool, inst, err := otelpool.NewWithConfig(context.Background(), config,
		otelpool.WithMeterProvider(provider), otelpool.WithPoolName("orders"), otelpool.WithLongHold(time.Minute))
	if err != nil {
		log.Fatal(err)
	}

	router := chi.NewRouter()
	router.Use(byRoute)                                                              // names what holds connections
	router.Handle("/metrics", promhttp.Handler())                                    // as before
	router.Handle("/debug/pool/*", poolz.Handler([]*otelpool.Instrumentation{inst})) // * for its parts
	orders := &service{pool: pool}                                                   // as before
	router.Get("/orders/{id}", orders.get)

	printLeak(router, orders, inst)
	// Output:
	// db_pool_held{operation="GET /orders/{id}",pool="orders"} 1
	// GET /orders/{id} holds a connection, acquired by recipes_test.(*service).get
	// /debug/pool/ 200
	// /debug/pool/poolz.css 200
	// /debug/pool/report.txt 200
}

type service struct {
	pool *pgxpool.Pool
	rows pgx.Rows
}

// get forgets to close its rows.
func (s *service) get(_ http.ResponseWriter, r *http.Request) {
	var err error
	if s.rows, err = s.pool.Query(r.Context(), "SELECT generate_series(1, 10)"); err != nil {
		log.Fatal(err)
	}
	s.rows.Next()
}

// printLeak prints who holds a connection after a request, and whether the page of the pool is complete.
func printLeak(router http.Handler, leaky *service, inst *otelpool.Instrumentation) {
	get(router, "/orders/17")
	defer inst.Unregister()
	defer leaky.pool.Close()
	defer leaky.rows.Close()

	printLines(router, "db_pool_held")
	for _, hold := range inst.Held() {
		fmt.Printf("%s holds a connection, acquired by %s\n", hold.Operation, path.Base(hold.Stack[0].Function))
	}
	for _, part := range []string{"", "poolz.css", "report.txt"} {
		request := httptest.NewRequest(http.MethodGet, "http://localhost/debug/pool/"+part, nil)
		request.RemoteAddr = "127.0.0.1:1" // see poolz.WithAccess
		answer := httptest.NewRecorder()
		router.ServeHTTP(answer, request)
		fmt.Println(request.URL.Path, answer.Code)
	}
}
