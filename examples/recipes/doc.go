// Package recipes has the examples of the README and of docs/recipes.md.
package recipes
