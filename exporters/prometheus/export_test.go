package prometheus

// FitExemplars is for the test of what it allocates.
var FitExemplars = fitExemplars
