package postgres

import (
	"maps"
	"slices"
	"strconv"
)

// Option changes how a server is started.
type Option func(*config)

type config struct {
	settings   map[string]string
	unixSocket bool
	tempDir    string // "": the system's folder
	cacheDir   string // "": CacheDir
	nextPort   func() (int, error)
}

// WithMaxConnections sets max_connections. The default is 100.
func WithMaxConnections(n int) Option { return WithSetting("max_connections", strconv.Itoa(n)) }

// WithSetting adds a server setting, like `-c name=value` on the server's command line. The last value of a name wins.
// Do not set where the server listens, where its files are or how it logs: the launcher does.
func WithSetting(name, value string) Option {
	return func(c *config) { c.settings[name] = value }
}

// WithUnixSocket makes [Server.ConnString] and [Server.DSN] return the server's private unix socket instead of
// loopback TCP.
func WithUnixSocket() Option {
	return func(c *config) { c.unixSocket = true }
}

// withFolders sets the folders of the server's directory and of the template.
func withFolders(temp, cache string) Option {
	return func(c *config) { c.tempDir, c.cacheDir = temp, cache }
}

// withPorts makes the server try the ports that next returns.
func withPorts(next func() (int, error)) Option {
	return func(c *config) { c.nextPort = next }
}

// newConfig returns the settings of a fast and light server whose data is not kept, changed by opts.
func newConfig(opts []Option) config {
	c := config{nextPort: FreePort, settings: map[string]string{
		"fsync":              "off",
		"synchronous_commit": "off",
		"full_page_writes":   "off",
		"shared_buffers":     "32MB",
		"max_wal_size":       "256MB",
		"max_connections":    "100",
		// Keeps shared memory in files of the data directory, so a crash leaves nothing in /dev/shm.
		"dynamic_shared_memory_type": "mmap",
	}}
	for _, o := range opts {
		o(&c)
	}
	return c
}

// settingArgs returns the server's -c arguments.
func (c config) settingArgs() (args []string) {
	for _, name := range slices.Sorted(maps.Keys(c.settings)) {
		args = append(args, "-c", name+"="+c.settings[name])
	}
	return args
}
