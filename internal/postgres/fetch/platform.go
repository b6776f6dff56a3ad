package main

import (
	"fmt"
	"os"
	"runtime"
)

// version is the version to fetch: the newest that embedded-postgres v1.34.0 knows.
const version = "18.3.0"

// platform returns the repository's name for this machine's platform.
func platform() (string, error) {
	_, err := os.Stat("/etc/alpine-release")
	return platformOf(runtime.GOOS, runtime.GOARCH, err == nil)
}

func platformOf(goos, goarch string, alpine bool) (string, error) {
	arch := map[string]string{"amd64": "amd64", "arm64": "arm64v8"}[goarch]
	if arch == "" || goos != "linux" && goos != "darwin" {
		return "", fmt.Errorf("fetch: no PostgreSQL programs for %s/%s (available: linux and darwin on amd64 and arm64)", goos, goarch)
	}
	if goos == "linux" && alpine {
		arch += "-alpine"
	}
	return goos + "-" + arch, nil
}
