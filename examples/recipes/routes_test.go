package recipes_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/go-chi/chi/v5"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/otelpool"
)

// byPattern serves mux, and names units of work by the pattern of the request, such as "GET /users/{id}".
func byPattern(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		mux.ServeHTTP(w, r.WithContext(otelpool.WithScope(r.Context(), pattern)))
	})
}

func Example_serveMux() {
	pool, inst, err := newPool()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer inst.Unregister()
	defer pool.Close()

	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", printHolder(pool, inst))
	mux.HandleFunc("/health", printHolder(pool, inst))
	server := byPattern(mux)
	get(server, "/users/17", "/health")
	// Output:
	// GET /users/{id}
	// /health
}

// byRoute is a middleware for the outermost chi router. It names units of work by the route of the request, such as
// "GET /users/{id}/orders", even if an inner router has that route. After the request, chi's RoutePattern returns the
// same name.
func byRoute(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outer, route := chi.RouteContext(r.Context()), chi.NewRouteContext()
		outer.Routes.Match(route, r.Method, cmp.Or(outer.RoutePath, r.URL.RawPath, r.URL.Path)) // as chi does
		next.ServeHTTP(w, r.WithContext(otelpool.WithScope(r.Context(), r.Method+" "+route.RoutePattern())))
	})
}

func Example_chi() {
	pool, inst, err := newPool()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer inst.Unregister()
	defer pool.Close()

	router := chi.NewRouter()
	router.Use(byRoute)
	router.Get("/users/{id}", printHolder(pool, inst))
	router.Route("/users/{id}/orders", func(r chi.Router) {
		r.Get("/", printHolder(pool, inst))
		r.Get("/{order}", printHolder(pool, inst))
	})
	get(router, "/users/17", "/users/17%2Forders", "/users/17/orders", "/users/17/orders/", "/users/17/orders/4")
	// Output:
	// GET /users/{id}
	// GET /users/{id}
	// GET /users/{id}/orders
	// GET /users/{id}/orders
	// GET /users/{id}/orders/{order}
}

// newPool returns a pool that records metrics that are not read.
func newPool(opts ...otelpool.Option) (*pgxpool.Pool, *otelpool.Instrumentation, error) {
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	return otelpool.New(context.Background(), os.Getenv("DATABASE_URL"), append(opts, otelpool.WithMeterProvider(provider))...)
}

// printHolder returns a handler that prints under which name it holds a connection.
func printHolder(pool *pgxpool.Pool, inst *otelpool.Instrumentation) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		conn, err := pool.Acquire(r.Context())
		if err != nil {
			fmt.Println(err)
			return
		}
		defer conn.Release()
		fmt.Println(inst.Held()[0].Operation)
	}
}

func get(handler http.Handler, paths ...string) {
	for _, path := range paths {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
}
