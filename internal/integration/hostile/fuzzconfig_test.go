package hostile

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// secret is a password that occurs nowhere else.
const secret = "Hunter2Zq7Secret"

// FuzzConnString puts a secret password into connection strings and searches errors for it. It sizes and instruments
// configurations that can be parsed, but never connects.
func FuzzConnString(f *testing.F) {
	for _, around := range [][2]string{
		{"postgres://u:", "@localhost/db"}, {"postgres://u:", "@localhost:port/db"}, {"postgres://u:", "@local host/db"},
		{"postgres://u:", "@/db?pool_max_conns=x"}, {"host=localhost password=", " port=x"}, {"password='", "' sslmode=wrong"},
		{"password=", ""}, {"password='", ""}, {"postgres://u:%zz", "@h/d"}, {"postgres://u:a`: ", "@h/d"}, {"password=`: ", " port=`"},
		{"postgres://u:", "@a,b,c:1,2/d?target_session_attrs=x"}, {"postgres://u:", "@h/d?pool_size=5&max_overflow=10&pool_timeout=5s"},
		{"postgres://u:", "@h/d?pool_size=-1&max_overflow=99999999999"}, {"postgres://u:", "@h/d?pool_recycle=1e9h&pool_pre_ping=perhaps&pool_x=1"},
		{"postgres://u:", "@h/d?pool_health_check_period=0"}, {"postgres://u:", "\x00@h/d"}, {"postgresql://", "@"}, {"", ""},
		{"postgres://u:", "@h/d?pool_max_conns=2147483647&pool_min_conns=9"}, {"postgres://u:", "@[::1]:65536/d"},
	} {
		f.Add(around[0], around[1])
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		connString := before + secret + after
		config, err := pgxpool.ParseConfig(connString)
		if err != nil {
			pool, inst, err := otelpool.New(t.Context(), connString)
			if err == nil || pool != nil || inst != nil {
				t.Fatal("New accepts a string that pgxpool rejects")
			}
			checkNoSecret(t, err)
			return
		}
		sizing, err := otelpool.Staging.FromConfig(config)
		checkSizing(t, config, sizing, err)
		inst, err := otelpool.Instrument(config)
		checkNoSecretIfPassword(t, err, config)
		testutil.Check(t, inst.Unregister()) // inst may be nil
	})
}

// checkSizing applies a sizing, which must fail or leave a valid configuration.
func checkSizing(t *testing.T, config *pgxpool.Config, sizing otelpool.Sizing, err error) {
	t.Helper()
	checkNoSecretIfPassword(t, err, config)
	if err != nil {
		return
	}
	before := config.MaxConns
	err = sizing.Apply(config)
	checkNoSecretIfPassword(t, err, config)
	switch {
	case err != nil && config.MaxConns != before:
		t.Errorf("%v, but MaxConns went from %d to %d", err, before, config.MaxConns)
	case err == nil && (config.MaxConns < 1 || int(config.MaxConns) != sizing.PoolSize+sizing.MaxOverflow || config.MaxConnLifetimeJitter < 0):
		t.Errorf("%+v makes MaxConns %d, jitter %v", sizing, config.MaxConns, config.MaxConnLifetimeJitter)
	}
}

// checkNoSecret searches an error and its wrapped errors for the secret.
func checkNoSecret(t *testing.T, err error) {
	t.Helper()
	for err := err; err != nil; err = errors.Unwrap(err) {
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, secret) {
			t.Errorf("the secret shows in %s", text)
		}
	}
}

// checkNoSecretIfPassword calls checkNoSecret if the secret is the password. Other parts of a connection string are
// not secret: the pool's default name contains the host and database, and an error quotes a wrong setting.
func checkNoSecretIfPassword(t *testing.T, err error, config *pgxpool.Config) {
	t.Helper()
	if config.ConnConfig.Password == secret {
		checkNoSecret(t, err)
	}
}

// FuzzEnvironment sets a variable that a Sizing may read.
func FuzzEnvironment(f *testing.F) {
	for _, name := range []string{"POOL_SIZE", "MAX_OVERFLOW", "POOL_PRE_PING", "POOL_RECYCLE", "POOL_TIMEOUT", "pool_size", "", "X", "POOL_SIZE "} {
		for _, value := range []string{"", "5", "-1", "0", "1e9", "true", "30s", "9223372036854775807", "2147483647", "-5s", "\xff", "٣", "0x10", "1_000", " 5", "2540400h", "99999999999999999999"} {
			f.Add(name, value)
		}
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		name = otelpool.SizingEnv + name
		if os.Setenv(name, value) != nil {
			return // no system accepts such a variable
		}
		defer os.Unsetenv(name)
		config := offline(t)
		sizing, err := otelpool.Production.FromEnv()
		if err != nil {
			if !strings.HasPrefix(err.Error(), "otelpool: environment: ") || sizing != (otelpool.Sizing{}) {
				t.Errorf("%+v with the error %q", sizing, err)
			}
			return
		}
		if value == "" && sizing != otelpool.Production {
			t.Errorf("an empty variable makes %+v", sizing)
		}
		checkSizing(t, config, sizing, nil)
	})
}
