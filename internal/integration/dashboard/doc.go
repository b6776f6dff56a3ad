// Package dashboard generates the Grafana dashboards of this project from code: one of all metrics of a pool, ordered
// by question, and a small one for the front page of a service. They read only documented names. So they work at
// every edge, and for every service that reports the same metrics.
//
// The dashboards are collector-config/grafana/*.json, which go test -update writes. So the code that makes them is in test
// files of package dashboard. The tests, in package dashboard_test, read the written files. They check what Grafana checks
// only when it loads a dashboard, and what it never checks.
package dashboard
