// Package kubernetes tests the files of collector-config/kubernetes: the output of kustomize, the schemas of Kubernetes
// and of both operators, and references between objects. It is a separate module because it needs hundreds of others.
package kubernetes
