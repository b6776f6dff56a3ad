// Package manifests generates files of collector-config/kubernetes from those of collector-config. It imports only the
// standard library, so that make generate does not build Kubernetes.
package manifests
