package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"
)

const (
	// downloadTimeout allows for a slow connection: the programs are 10 to 40 MB.
	downloadTimeout = 15 * time.Minute
	maxDownload     = 512 << 20
)

// download writes the content of u to a file. It checks the SHA-256 if the repository has one.
func download(ctx context.Context, u *url.URL, file string) error {
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	sum, err := get(ctx, u, file)
	if err != nil {
		return err
	}
	sumURL := *u
	sumURL.Path += ".sha256"
	sumFile := file + ".sha256"
	if _, err := get(ctx, &sumURL, sumFile); err != nil {
		if errors.Is(err, errNotFound) {
			return nil // the archive has checksums of its own
		}
		return err
	}
	text, err := os.ReadFile(sumFile)
	if err != nil {
		return fmt.Errorf("fetch: read the checksum: %w", err)
	}
	// Some repositories write the file's name after the sum.
	if fields := bytes.Fields(text); len(fields) == 0 || string(bytes.ToLower(fields[0])) != sum {
		return fmt.Errorf("fetch: %s has SHA-256 %s (must be %.100q, as in its .sha256 file)", u.Redacted(), sum, text)
	}
	return nil
}

var errNotFound = errors.New("not found")

// get writes the content of u to a file and returns its SHA-256. It returns an error if the transfer breaks off.
func get(ctx context.Context, u *url.URL, file string) (sum string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", fmt.Errorf("fetch: download: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("fetch: download: %w", err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return "", fmt.Errorf("fetch: %s: %w", u.Redacted(), errNotFound)
	default:
		return "", fmt.Errorf("fetch: %s: %s", u.Redacted(), resp.Status)
	}
	out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("fetch: %w", err)
	}
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, hash), io.LimitReader(resp.Body, maxDownload+1))
	if err == nil && n > maxDownload {
		err = fmt.Errorf("more than %d MB", maxDownload>>20)
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return "", fmt.Errorf("fetch: %s: %w", u.Redacted(), err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
