module github.com/otelpool/otelpool-go/internal/postgres/fetch

go 1.26.0

require (
	github.com/otelpool/otelpool-go v0.1.0
	github.com/xi2/xz v0.0.0-20171230120015-48954b6210f8
)

replace github.com/otelpool/otelpool-go => ../../..
