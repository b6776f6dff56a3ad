package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
)

// route is one thing that the service does. The service, the page that lists what there is and the traffic all go by
// this table.
type route struct {
	method, path string
	about        string
	do           func(s *service, ctx context.Context, r *http.Request) (any, error)
	example      func() string // a path to request, if it is not the path itself
	share        int           // of the traffic, in percent
}

// target gives a path to request.
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
		about:   "a query without a name, shown by the summary of its text",
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
		about: "an insert that breaks a foreign key for users who are not there, error 23503: grant_role",
		example: func() string {
			const strangers = users / 5
			return fmt.Sprintf("/users/%d/roles/%d", 1+rand.IntN(users+strangers), 1+rand.IntN(roles))
		},
	},
}

// anyRoute chooses one by the shares.
func anyRoute() route {
	n := rand.IntN(100)
	for _, route := range routes {
		if n -= route.share; n < 0 {
			return route
		}
	}
	return routes[0]
}
