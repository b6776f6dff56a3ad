package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
)

// route is one route of the service. The service, the page and the traffic use this table.
type route struct {
	method, path string
	about        string
	do           func(s *service, ctx context.Context, r *http.Request) (any, error)
	example      func() string // a path to request, if it is not the path itself
	share        int           // percentage of the traffic
}

// target returns a path to request.
func (r route) target() string {
	if r.example == nil {
		return r.path
	}
	return r.example()
}

var routes = []route{
	{
		method: http.MethodGet, path: "/users/{id}", do: (*service).user, share: 50,
		about:   "a query named by the caller: get_user_with_roles",
		example: func() string { return fmt.Sprintf("/users/%d", 1+rand.IntN(users)) },
	},
	{
		method: http.MethodGet, path: "/users", do: (*service).search, share: 20,
		about:   "a query without a name, named by the summary of its text",
		example: func() string { return fmt.Sprintf("/users?after=%d", rand.IntN(users)) },
	},
	{
		method: http.MethodGet, path: "/report", do: (*service).report, share: 4,
		about: "a slow query: report_roles",
	},
	{
		method: http.MethodPost, path: "/transfers", do: (*service).transfer, share: 12,
		about: "a transaction: take_from_account and give_to_account, between BEGIN and COMMIT",
	},
	{
		method: http.MethodGet, path: "/dashboard", do: (*service).dashboard, share: 6,
		about: "a batch of three queries, counted as one: load_dashboard",
	},
	{
		method: http.MethodPost, path: "/events", do: (*service).importEvents, share: 3,
		about: "a COPY: import_events, and trim_events",
	},
	{
		method: http.MethodPost, path: "/users/{id}/roles/{role}", do: (*service).grantRole, share: 5,
		about: "an insert that violates a foreign key for unknown users, error 23503: grant_role",
		example: func() string {
			const unknown = users / 5
			return fmt.Sprintf("/users/%d/roles/%d", 1+rand.IntN(users+unknown), 1+rand.IntN(roles))
		},
	},
}

// randomRoute returns a random route by the shares.
func randomRoute() route {
	n := rand.IntN(100)
	for _, route := range routes {
		if n -= route.share; n < 0 {
			return route
		}
	}
	return routes[0]
}
