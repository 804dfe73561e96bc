package control_test

import (
	"io"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/zksim/zksim/realserver"
)

// TestMetricNames compares what Prometheus reads with what a real server tells
// it: the same names, of the same kinds, with the same quantiles.
func TestMetricNames(t *testing.T) {
	t.Run("real/3.9", func(t *testing.T) {
		jars, err := filepath.Glob(filepath.Join(realserver.CacheDir(), "exporter-*", "*.jar"))
		require.NoError(t, err)
		if len(jars) == 0 {
			t.Skip("there is no exporter for Prometheus; go run ./realserver/install exporter fetches it")
		}
		in := realserver.FindT(t, "3.9")
		in.Classpath = append(slices.Clone(in.Classpath), jars...)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		at := l.Addr().String()
		_, port, err := net.SplitHostPort(at)
		require.NoError(t, err)
		require.NoError(t, l.Close())
		srv, err := realserver.Start(t.Context(), in, func(o *realserver.Options) {
			o.Config["metricsProvider.className"] = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider"
			o.Config["metricsProvider.httpPort"] = port
			o.Config["metricsProvider.httpHost"] = "127.0.0.1"
			o.Config["metricsProvider.exportJvmInfo"] = "false"
		})
		require.NoError(t, err)
		defer func() { require.NoError(t, srv.Close()) }()
		use(t, srv.Addr(), nil)
		p, err := http.Get("http://" + at + "/metrics")
		require.NoError(t, err)
		defer p.Body.Close()
		text, err := io.ReadAll(p.Body)
		require.NoError(t, err)
		real := metricShapes(t, string(text))
		require.Greater(t, len(real), 100)

		s := newSide(t)
		use(t, s.sim.Addr(), s.sim.Dial)
		_, own := s.ask("GET /metrics", "")
		ours := metricShapes(t, own)
		for _, name := range slices.Sorted(maps.Keys(real)) {
			if _, ok := absent[name]; ok {
				assert.NotContains(t, ours, name, "it is said to be absent")
				continue
			}
			assert.Equal(t, real[name], ours[name], name)
		}
		for name := range ours {
			assert.Contains(t, real, name, "ZooKeeper has no such metric")
		}
		for name := range absent {
			assert.Contains(t, real, name, "ZooKeeper has no such metric, so it need not be absent")
		}
	})
}

// absent are the metrics that zksim does not have, and why.
var absent = map[string]string{
	"jvm_pause_time_ms":                  "there is no JVM",
	"ack_latency":                        "between members, which have no network here: it has a sample for each of them, and none on a server alone",
	"learner_handler_qp_size":            "the same",
	"learner_handler_qp_time_ms":         "the same",
	"read_per_namespace":                 "a look-up in the path of every request, see the README",
	"write_per_namespace":                "the same",
	"quota_bytes_limit_per_namespace":    "the same; stat and the nodes below /zookeeper/quota tell it",
	"quota_bytes_usage_per_namespace":    "the same",
	"quota_count_limit_per_namespace":    "the same",
	"quota_count_usage_per_namespace":    "the same",
	"quota_exceeded_error_per_namespace": "the same",
}

// use makes a server have something to tell.
func use(t *testing.T, addr string, dial zk.Dialer) {
	if dial == nil {
		dial = net.DialTimeout
	}
	conn, _, err := zk.Connect([]string{addr}, 10*time.Second, zk.WithDialer(dial), zk.WithLogger(quiet{}), zk.WithEventCallback(func(zk.Event) {}))
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Create("/a", nil, 0, zk.WorldACL(zk.PermAll))
	require.NoError(t, err)
	_, _, _, err = conn.GetW("/a")
	require.NoError(t, err)
	_, err = conn.Set("/a", nil, -1)
	require.NoError(t, err)
}

// metricShapes tells of each metric its kind and its labels, without their values
// except for quantiles.
func metricShapes(t *testing.T, text string) map[string]string {
	t.Helper()
	shapes := make(map[string]string)
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) == 4 && words[1] == "TYPE":
			shapes[words[2]] = words[3]
		case len(words) > 0 && words[0] != "#":
			name, labels, ok := strings.Cut(words[0], "{")
			if ok && strings.HasPrefix(labels, "quantile") {
				shapes[name] += " " + labels
			}
		}
	}
	return shapes
}
