package prometheus

import "fmt"

// guard calls f and returns its error, or the panic in it as one, so that a callback, a producer or a registry of the
// user's that panics costs a scrape and not the program.
func guard(what string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("prometheus: %s panicked: %v", what, r)
		}
	}()
	return f()
}
