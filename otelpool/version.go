package otelpool

// Version is the version of this instrumentation. It is reported as the version of the instrumentation scope.
const Version = "0.1.0"

// ScopeName is the name of the instrumentation scope: the import path of this package.
const ScopeName = "github.com/otelpool/otelpool-go/otelpool"
