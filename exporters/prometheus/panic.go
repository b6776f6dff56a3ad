package prometheus

import "fmt"

// catchPanic calls f and returns its error. It turns a panic into an error, because a user's callback, producer or
// registry that panics must not crash the program.
func catchPanic(what string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("prometheus: %s panicked: %v", what, r)
		}
	}()
	return f()
}
