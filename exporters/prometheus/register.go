package prometheus

import (
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// Register registers Collector with registerer. It leaves out each metric whose name another collector of the registry
// has, and reports these once to the error handler. A collector with such a name that is registered later gets an error
// from the registry, so call Register last. It returns a prometheus.AlreadyRegisteredError if the registry has the
// collector of this exporter.
func (e *Exporter) Register(registerer prometheus.Registerer) error {
	if registerer == nil {
		return errors.New("prometheus: registerer is nil")
	}
	c := &collector{exporter: e, taken: map[string]bool{}}
	err := registerer.Register(c)
	if err == nil || errors.As(err, &prometheus.AlreadyRegisteredError{}) {
		return err
	}
	// A collector without some metrics has other descriptors, so the registry does not recognize it.
	if !marker.isFree(e.id, registerer) {
		return prometheus.AlreadyRegisteredError{ExistingCollector: c, NewCollector: c}
	}

	var taken error
	for _, r := range reservations {
		if !r.isFree(e.id, registerer) {
			c.taken[r.metric] = true
			taken = errors.Join(taken, fmt.Errorf("prometheus: metric %q is left out: another collector of the registry has that name", r.metric))
		}
	}
	if err := registerer.Register(c); err != nil {
		return err
	}
	if taken != nil {
		e.cfg.errorHandler.Handle(taken)
	}
	return nil
}

// exporterIDs counts the exporters of the process.
var exporterIDs atomic.Int64

// exporterLabel makes the descriptors of exporters differ, so that one registry can have several. No series has it.
const exporterLabel = "otelpool_exporter"

// reservation is a metric with the names that a registry must not have elsewhere.
type reservation struct {
	metric string
	help   string
	names  []string
}

// reservations lists the documented metrics. It is read-only.
var reservations = loadReservations()

// marker has a name without a metric. A registry with the marker has the collector of the exporter.
var marker = reservation{names: []string{"otelpool_exporter"}, help: "Reserved by the collector of an exporter."}

func loadReservations() (all []reservation) {
	for _, row := range catalogue.Rows() {
		if row.Documented == "" {
			continue
		}
		r := reservation{metric: row.Documented, help: row.Help, names: []string{row.Documented}}
		if row.Kind == catalogue.Histogram {
			for _, suffix := range []string{"_bucket", "_count", "_sum"} {
				r.names = append(r.names, row.Documented+suffix)
			}
		}
		all = append(all, r)
	}
	return all
}

// describe sends the descriptors of the reservation for the exporter with the ID.
func (r reservation) describe(exporterID string, descs chan<- *prometheus.Desc) {
	for _, name := range r.names {
		descs <- prometheus.NewDesc(name, r.help, nil, prometheus.Labels{exporterLabel: exporterID})
	}
}

// isFree reports whether no other collector has one of the names.
func (r reservation) isFree(exporterID string, registerer prometheus.Registerer) bool {
	probe := reserver{reservation: r, exporterID: exporterID}
	if registerer.Register(probe) != nil {
		return false
	}
	registerer.Unregister(probe)
	return true
}

// reserver is a prometheus.Collector of a reservation that has no metrics.
type reserver struct {
	reservation
	exporterID string
}

// Describe implements prometheus.Collector.
func (r reserver) Describe(descs chan<- *prometheus.Desc) { r.describe(r.exporterID, descs) }

// Collect implements prometheus.Collector.
func (reserver) Collect(chan<- prometheus.Metric) {}

func newExporterID() string { return strconv.FormatInt(exporterIDs.Add(1), 10) }
