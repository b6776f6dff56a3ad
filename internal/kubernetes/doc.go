// Package kubernetes tests the files of collector-config/kubernetes: what kustomize makes of them, the schemas of
// Kubernetes, of the Prometheus operator and of the OpenTelemetry Operator, and what belongs together. It is a module of
// its own because these bring hundreds of others.
package kubernetes
