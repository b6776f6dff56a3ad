package main

import (
	"fmt"
	"os"
	"runtime"
)

// version is what is fetched: the newest that embedded-postgres v1.34.0 knows.
const version = "18.3.0"

// platform names this machine as the repository does.
func platform() (string, error) {
	_, err := os.Stat("/etc/alpine-release")
	return platformOf(runtime.GOOS, runtime.GOARCH, err == nil)
}

func platformOf(goos, goarch string, alpine bool) (string, error) {
	arch := map[string]string{"amd64": "amd64", "arm64": "arm64v8"}[goarch]
	if arch == "" || goos != "linux" && goos != "darwin" {
		return "", fmt.Errorf("fetch: there are no PostgreSQL programs to fetch for %s on %s", goos, goarch)
	}
	if goos == "linux" && alpine {
		arch += "-alpine"
	}
	return goos + "-" + arch, nil
}
