package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/postgres"
)

func TestFailedFetchCleansUpAndSuggestsFixes(t *testing.T) {
	good := archive(t, fakePrograms...)
	bytesOf := func(b []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b) }
	}
	damaged := bytes.Clone(good)
	damaged[bytes.Index(damaged, []byte("echo"))] ^= 1
	sum := sha256.Sum256(good)
	with := func(extra ...entry) []byte { return archive(t, append(extra, fakePrograms...)...) }
	tests := []struct {
		name string
		jar  http.HandlerFunc
		sum  string // "": the repository has none
		want string
	}{
		{"not there", http.NotFound, "", "not found"},
		{"server's fault", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, "", "503"},
		{"broken off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(good)))
			_, _ = w.Write(good[:len(good)/2])
		}, "", "unexpected EOF"},
		{"other checksum", bytesOf(good), strings.Repeat("0", 64), "SHA-256"},
		{"empty checksum", bytesOf(good), " ", "SHA-256"},
		{"damaged on the way", bytesOf(damaged), hex.EncodeToString(sum[:]), "SHA-256"},
		{"damaged at its source", bytesOf(damaged), "", "unpack"},
		{"no jar", bytesOf([]byte("<html>")), "", "open the jar"},
		{"no archive", bytesOf(jar(t, "readme.txt", nil)), "", "contains no .txz"},
		{"no xz", bytesOf(jar(t, "x.txz", []byte("x"))), "", "unpack x.txz"},
		{"half an xz", bytesOf(jar(t, "x.txz", xzStore(bytes.Repeat([]byte("x"), 1000))[:500])), "", "unpack x.txz"},
		{"entry outside", bytesOf(with(entry{name: "../evil"})), "", "escapes"},
		{"link outside", bytesOf(with(entry{name: "lib/evil", link: "../../evil"})), "", "outside"},
		{"absolute link", bytesOf(with(entry{name: "lib/evil", link: "/etc"})), "", "outside"},
		{"no programs", bytesOf(archive(t, entry{name: "readme"})), "", "initdb does not run"},
		{"another program", bytesOf(archive(t, entry{name: "bin/initdb", content: "#!/bin/sh\n", mode: 0o755})), "",
			"(must name PostgreSQL)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cache := cacheFolder(t)
			handlers := map[string]http.HandlerFunc{"": tt.jar}
			if tt.sum != "" {
				handlers[".sha256"] = bytesOf([]byte(tt.sum))
			}
			t.Setenv(repositoryEnv, serve(t, handlers).URL+"/maven2")
			checkFails(t, t.Context(), cache, tt.want, postgres.ErrNoBinaries)
		})
	}
}

func TestFetchErrorHidesRepositoryPassword(t *testing.T) {
	for _, url := range []string{
		"http://user:secret@127.0.0.1:1", "ftp://user:secret@127.0.0.1:1", "http://user:secret@127.0.0.1:nonsense", "secret",
	} {
		cache := cacheFolder(t)
		t.Setenv(repositoryEnv, url)
		checkFails(t, t.Context(), cache, "fetch: ", postgres.ErrNoBinaries)
	}
}

func TestCancelledFetchLeavesNothing(t *testing.T) {
	cache := cacheFolder(t)
	ctx, cancel := context.WithCancel(t.Context())
	t.Setenv(repositoryEnv, serve(t, map[string]http.HandlerFunc{"": func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("PK"))
		_ = http.NewResponseController(w).Flush()
		cancel()
		<-r.Context().Done()
	}}).URL+"/maven2")
	checkFails(t, ctx, cache, "context canceled", context.Canceled)
}

// checkFails checks that a fetch returns the expected error and leaves no files behind.
func checkFails(t *testing.T, ctx context.Context, cache, want string, is error) {
	t.Helper()
	err := run(ctx, io.Discard, none)
	if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, is) {
		t.Errorf("the error is %v, want one with %q", err, want)
	}
	if err != nil && strings.Contains(err.Error(), "secret") {
		t.Errorf("the error has the password: %v", err)
	}
	if left := append(list(t, cache, stagingPrefix+"*"), list(t, cache, "postgres/*")...); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
