// Package dashboard tests the Grafana dashboards in collector-config/grafana: one of all metrics of a pool, ordered by
// question, and a small one for the front page of a service. They read only documented names. So they work at every
// edge, and for every service that reports the same metrics.
//
// The JSON is edited by hand, or in Grafana. The tests check what Grafana checks only when it loads a dashboard, and what
// it never checks: that each query selects by the dashboard's variables, and gives data of the demo.
package dashboard
