package prometheus

// SanitizeExemplars is exported for a test of its allocations.
var SanitizeExemplars = sanitizeExemplars
