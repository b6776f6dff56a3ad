package postgres

import (
	"fmt"
	"os"
	"path/filepath"
)

// CacheEnv is the environment variable that overrides the cache folder.
const CacheEnv = "OTELPOOL_POSTGRES_CACHE"

// CacheDir returns the folder that keeps fetched binaries and templates of data directories between runs. The folder
// may not exist yet. It is otelpool in the user's cache folder. For root it is /var/cache/otelpool, because the server
// then runs as a user that cannot reach root's home.
func CacheDir() (string, error) {
	if dir := os.Getenv(CacheEnv); dir != "" {
		return filepath.Abs(dir)
	}
	if os.Geteuid() == 0 {
		return "/var/cache/otelpool", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("postgres: find the cache folder: %w", err)
	}
	return filepath.Join(dir, "otelpool"), nil
}

// FetchedDir returns the folder in [CacheDir] that holds fetched server programs. It has one folder for each version,
// with bin, lib and share in it. The folder may not exist yet.
func FetchedDir() (string, error) {
	dir, err := CacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "postgres"), nil
}
