package otelpool_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/otelpool"
)

func TestErrorsShowNoSecret(t *testing.T) {
	t.Parallel()
	for connString, reason := range map[string]string{
		"postgres://u:hunter2@localhost:port/db":                                         "invalid port",
		"postgres://u:hunter2@localhost/db?pool_max_conns=many":                          "cannot parse pool_max_conns",
		"postgres://u:hunter2@localhost/db?pool_max_conns=0":                             "pool_max_conns too small",
		"postgres://u:hunter2@localhost/db?sslmode=wrong":                                "failed to configure TLS",
		"postgres://u:hunter2@local host/db":                                             "failed to parse as URL",
		"postgres://u:hun ter2hunter2@localhost/db":                                      "failed to parse as URL",
		"postgres://u:%zzhunter2@localhost/db":                                           "failed to parse as URL",
		"postgres://u:hunter2@localhost/db?sslrootcert=/nonexistent&sslmode=verify-full": "failed to configure TLS",
		"postgres://u:x@localhost/db?pool_max_conns=hunter2":                             "cannot parse pool_max_conns",
		"host=localhost password=hunter2 port=x":                                         "invalid port",
		"host=localhost password='hunter2' sslmode=wrong":                                "failed to configure TLS",
		"host=localhost password=hunter2 pool_max_conns=x":                               "cannot parse pool_max_conns",
		"host=localhost password='my hunter2":                                            "failed to parse as keyword/value",
		"host=localhost password=my hunter2 dbname=x":                                    "failed to parse as keyword/value",
		"password = hunter2 connect_timeout=x":                                           "invalid connect_timeout",
		"password=hunter2 target_session_attrs=hunter2":                                  "unknown target_session_attrs value",
		"password=x target_session_attrs='any`: hunter2'":                                "unknown target_session_attrs value",
		"password=x target_session_attrs='`: hunter2'":                                   "unknown target_session_attrs value",
		"password='x`: hunter2' port=x":                                                  "invalid port",
		"postgres://u:x@localhost/db?sslmode=%60%3A%20hunter2":                           "failed to configure TLS",
		"postgres://u:x@localhost/db?pool_max_conns=%60:%20hunter2":                      "cannot parse pool_max_conns",
		"hunter2":                   "failed to parse as keyword/value",
		"password=`:hunter2 port=x": "invalid port",
		"service=hunter2 password=hunter2 servicefile=/nonexistent": "failed to read service",
	} {
		_, _, err := otelpool.New(t.Context(), connString)
		if err == nil {
			t.Errorf("%s was taken", connString)
			continue
		}
		if want := "otelpool: malformed connection string: " + reason; err.Error() != want {
			t.Errorf("%s: error %q, want %q", connString, err, want)
		}
		for err := err; err != nil; err = errors.Unwrap(err) {
			if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "hunter2") {
				t.Errorf("the secret shows in %s", text)
			}
		}
	}
}
