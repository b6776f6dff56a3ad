// Package dashboard makes the Grafana dashboards of this project as code: one of everything a pool tells, question by
// question, and a small one for the front page of a service. They read nothing but the documented names, so that they
// work at every edge, and for every service that reports the same metrics.
//
// The dashboards themselves are collector-config/grafana/*.json, which go test -update writes. What Grafana checks only
// when a dashboard is loaded, and what it never checks, the tests of this package check.
package dashboard
