// Package poolz tests the live page of exporters/poolz in a browser.
package poolz
