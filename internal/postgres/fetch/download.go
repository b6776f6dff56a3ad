package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

const (
	// downloadTimeout allows for a slow connection: the programs are 10 to 40 MB.
	downloadTimeout = 15 * time.Minute
	maxDownload     = 512 << 20
)

// download returns the content of u. It checks the SHA-256 if the repository has one.
func download(ctx context.Context, u *url.URL) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	content, err := get(ctx, u)
	if err != nil {
		return nil, err
	}
	sumURL := *u
	sumURL.Path += ".sha256"
	text, err := get(ctx, &sumURL)
	if errors.Is(err, errNotFound) {
		return content, nil // the archive has checksums of its own
	}
	if err != nil {
		return nil, err
	}
	// Some repositories write the file's name after the sum.
	sum := fmt.Sprintf("%x", sha256.Sum256(content))
	if fields := bytes.Fields(text); len(fields) == 0 || string(bytes.ToLower(fields[0])) != sum {
		return nil, fmt.Errorf("fetch: %s has SHA-256 %s (must be %.100q, as in its .sha256 file)", u.Redacted(), sum, text)
	}
	return content, nil
}

var errNotFound = errors.New("not found")

// get returns the content of u, and an error if the transfer breaks off.
func get(ctx context.Context, u *url.URL) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("fetch: download: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch: download: %w", err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, fmt.Errorf("fetch: %s: %w", u.Redacted(), errNotFound)
	default:
		return nil, fmt.Errorf("fetch: %s: %s", u.Redacted(), resp.Status)
	}
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxDownload+1))
	if err == nil && len(content) > maxDownload {
		err = fmt.Errorf("more than %d MB", maxDownload>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("fetch: %s: %w", u.Redacted(), err)
	}
	return content, nil
}
