// Package poolz has the test of the live page of exporters/poolz in a browser.
package poolz
