package postgres

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Option changes how a server is started.
type Option interface {
	apply(config) config
}

type config struct {
	maxConnections int
	settings       map[string]string
	unixSocket     bool
	tempDir        string // "": the system's folder
	cacheDir       string // "": CacheDir
	nextPort       func() (int, error)
}

type optionFunc func(config) config

func (f optionFunc) apply(c config) config { return f(c) }

// WithMaxConnections sets max_connections. The default is 100.
func WithMaxConnections(n int) Option {
	return optionFunc(func(c config) config {
		c.maxConnections = n
		return c
	})
}

// WithSetting adds a server setting, like `-c name=value` on the server's command line. The last value of a name
// wins. [Start] refuses the settings that the launcher itself needs: where the server listens, where its files are
// and how it logs.
func WithSetting(name, value string) Option {
	return optionFunc(func(c config) config {
		c.settings = maps.Clone(c.settings)
		c.settings[name] = value
		return c
	})
}

// WithUnixSocket makes [Server.ConnString] and [Server.DSN] return the server's private unix socket instead of
// loopback TCP.
func WithUnixSocket() Option {
	return optionFunc(func(c config) config {
		c.unixSocket = true
		return c
	})
}

// withFolders sets the folders of the server's directory and of the template.
func withFolders(temp, cache string) Option {
	return optionFunc(func(c config) config {
		c.tempDir, c.cacheDir = temp, cache
		return c
	})
}

// withPorts makes the server try the ports that next returns.
func withPorts(next func() (int, error)) Option {
	return optionFunc(func(c config) config {
		c.nextPort = next
		return c
	})
}

// owned lists the settings that the launcher needs: it sets them itself, or reads the server's log.
var owned = []string{
	"config_file", "data_directory", "hba_file", "ident_file", "external_pid_file",
	"listen_addresses", "port", "unix_socket_directories", "max_connections",
	"log_destination", "logging_collector", "log_min_messages", "lc_messages",
}

func newConfig(opts []Option) (config, error) {
	c := config{maxConnections: 100, settings: map[string]string{}, nextPort: FreePort}
	for _, o := range opts {
		c = o.apply(c)
	}
	if c.maxConnections < 1 || c.maxConnections > 1<<18-1 {
		return config{}, fmt.Errorf("postgres: max_connections is %d (must be 1 to %d)", c.maxConnections, 1<<18-1)
	}
	for name := range c.settings {
		if name == "" {
			return config{}, fmt.Errorf("postgres: setting name is \"\" (must not be empty)")
		}
		// The server accepts these spellings of a name too.
		if slices.Contains(owned, strings.ReplaceAll(strings.ToLower(name), "-", "_")) {
			return config{}, fmt.Errorf("postgres: setting %q cannot be changed (the launcher needs it)", name)
		}
	}
	return c, nil
}

// settingArgs returns the server's -c arguments. The defaults make a fast and light server whose data is not kept;
// the caller's settings override them.
func (c config) settingArgs() []string {
	settings := map[string]string{
		"fsync":              "off",
		"synchronous_commit": "off",
		"full_page_writes":   "off",
		"shared_buffers":     "32MB",
		"max_wal_size":       "256MB",
		// Shared memory of this kind is files in the data directory, so a crash leaves nothing in /dev/shm.
		"dynamic_shared_memory_type": "mmap",
	}
	maps.Copy(settings, c.settings)
	settings["max_connections"] = strconv.Itoa(c.maxConnections)
	var args []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}
