// Package manifests makes the generated files of collector-config/kubernetes from the files of collector-config. It imports
// the standard library only, so that make generate does not build Kubernetes.
package manifests
