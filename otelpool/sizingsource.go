package otelpool

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// SizingEnv is the prefix of the environment variables that [Sizing.FromEnv] reads.
const SizingEnv = "OTELPOOL_SIZING_"

// setters set a setting of a Sizing from text, by SQLAlchemy's names.
var setters = map[string]func(*Sizing, string) error{
	"pool_size":     func(s *Sizing, v string) error { return setInt(&s.PoolSize, v) },
	"max_overflow":  func(s *Sizing, v string) error { return setInt(&s.MaxOverflow, v) },
	"pool_pre_ping": func(s *Sizing, v string) error { return setBool(&s.PrePing, v) },
	"pool_recycle":  func(s *Sizing, v string) error { return setDuration(&s.Recycle, v) },
	"pool_timeout":  func(s *Sizing, v string) error { return setDuration(&s.Timeout, v) },
}

// FromConfig returns s changed by the settings in the configuration's connection string: pool_size, max_overflow,
// pool_pre_ping, pool_recycle and pool_timeout. For example,
//
//	postgres://app@db/shop?pool_size=20&max_overflow=10&pool_timeout=5s
//
// changes the pool size, the overflow and the timeout without a new build. A time is a number of seconds, as in
// SQLAlchemy, or a duration such as 1h30m. FromConfig removes the settings from the configuration, because pgx would
// send them to the server. It returns an error, and leaves the configuration unchanged, if a setting is malformed, or
// if an unknown setting begins with pool_, because it is probably misspelled. The error quotes no value: after a
// misplaced quote, a value may contain the rest of the connection string.
func (s Sizing) FromConfig(poolConfig *pgxpool.Config) (Sizing, error) {
	if err := checkPoolConfig(poolConfig); err != nil {
		return Sizing{}, err
	}
	params := poolConfig.ConnConfig.RuntimeParams
	found := make(map[string]string)
	for name, value := range params {
		if _, known := setters[name]; known || strings.HasPrefix(name, "pool_") {
			found[name] = value
		}
	}
	sized, err := s.with(found, settingsSource{
		where: "connection string: ",
		spell: func(setting string) string { return setting },
		show:  func(name, _ string) string { return name },
	})
	if err != nil {
		return Sizing{}, err
	}
	for name := range found {
		delete(params, name)
	}
	return sized, nil
}

// FromEnv returns s changed by the environment variables OTELPOOL_SIZING_POOL_SIZE, _MAX_OVERFLOW, _POOL_PRE_PING,
// _POOL_RECYCLE and _POOL_TIMEOUT, with values as for [Sizing.FromConfig]. An empty variable counts as not set. FromEnv
// returns an error if a value is malformed, or if an unknown variable has that prefix, such as
// OTELPOOL_SIZING_pool_size.
func (s Sizing) FromEnv() (Sizing, error) {
	found := make(map[string]string)
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, SizingEnv) && value != "" {
			found[name] = value
		}
	}
	return s.with(found, settingsSource{
		where: "environment: ",
		spell: func(setting string) string { return SizingEnv + strings.ToUpper(setting) },
		show:  func(name, value string) string { return fmt.Sprintf("%s: %q", name, value) },
	})
}

// settingsSource is a place where settings come from.
type settingsSource struct {
	where string                          // the beginning of an error
	spell func(setting string) string     // returns the name there of SQLAlchemy's setting
	show  func(name, value string) string // returns the part of a setting that an error may show
}

// with returns s with settings changed. The error names each setting that is wrong.
func (s Sizing) with(settings map[string]string, from settingsSource) (Sizing, error) {
	spelled := make(map[string]func(*Sizing, string) error)
	for setting, set := range setters {
		spelled[from.spell(setting)] = set
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		set, known := spelled[name]
		if !known {
			allowed := slices.Sorted(maps.Keys(spelled))
			errs = append(errs, fmt.Errorf("otelpool: %sunknown setting %q (valid: %s)", from.where, name, strings.Join(allowed, ", ")))
			continue
		}
		if err := set(&s, settings[name]); err != nil {
			errs = append(errs, fmt.Errorf("otelpool: %s%s %w", from.where, from.show(name, settings[name]), err))
		}
	}
	if len(errs) > 0 {
		return Sizing{}, errors.Join(errs...)
	}
	return s, nil
}

func setInt(to *int, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil {
		return errors.New("is not a whole number")
	}
	*to = n
	return nil
}

func setBool(to *bool, value string) error {
	b, err := strconv.ParseBool(strings.ToLower(value))
	if err != nil {
		return errors.New("is neither true nor false")
	}
	*to = b
	return nil
}

func setDuration(to *time.Duration, value string) error {
	if n, err := strconv.ParseInt(value, 10, 32); err == nil {
		*to = time.Duration(n) * time.Second
		return nil
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		return errors.New("is neither seconds nor a duration such as 1h30m")
	}
	*to = d
	return nil
}
