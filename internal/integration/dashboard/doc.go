// Package dashboard tests the Grafana dashboards in collector-config/grafana: one with all metrics of a pool, ordered
// by question, and a small one for the front page of a service. They read only documented names.
//
// The JSON is edited by hand, or in Grafana. The tests check what Grafana checks when it loads a dashboard, and that
// each query uses the dashboard's variables and returns data from the demo.
package dashboard
