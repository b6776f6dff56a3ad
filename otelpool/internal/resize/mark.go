package resize

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Check returns an error if a configuration has hooks of Install but not its tracer, without which they do nothing: the
// tracer was replaced after Install. Check cannot see that if all hooks of Install were replaced or wrapped too.
func Check(poolConfig *pgxpool.Config) error {
	if _, sized := PoolSize(poolConfig); sized || !marked(poolConfig) {
		return nil
	}
	what := "removed"
	if tracer := poolConfig.ConnConfig.Tracer; tracer != nil {
		what = fmt.Sprintf("replaced by a %T", tracer)
	}
	return fmt.Errorf("the tracer of the sizing was %s: set your tracer before Sizing.Apply, or join both by pgx's multitracer", what)
}

// marked reports whether a configuration has a hook of this package. A mark of another kind would not survive
// Config.Copy, which frameworks call.
func marked(poolConfig *pgxpool.Config) bool {
	return isOurs(poolConfig.BeforeConnect) || isOurs(poolConfig.AfterConnect) || isOurs(poolConfig.ShouldPing) ||
		isOurs(poolConfig.PrepareConn) || isOurs(poolConfig.AfterRelease) || isOurs(poolConfig.BeforeClose)
}

// ourPrefix begins the name of each function of this package, and of no other's.
var ourPrefix = strings.TrimSuffix(nameOf(Install), "Install")

func isOurs(hook any) bool { return strings.HasPrefix(nameOf(hook), ourPrefix) }

// nameOf returns the name of a function with the path of its package, "" if the function is nil.
func nameOf(function any) string {
	pc := reflect.ValueOf(function).Pointer()
	if pc == 0 {
		return ""
	}
	return runtime.FuncForPC(pc).Name()
}
