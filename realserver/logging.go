package realserver

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
)

// Releases differ in the logger they bring: Logback since 3.8, Log4j or Reload4j before, slf4j-simple
// for Debian's. Each is told to log to standard output, where [Start] reads how far the server is.
var loggerFiles = map[string]string{
	"logback.xml": `<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{ISO8601} %-5p [%t] %c{1} - %m%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="OUT"/></root>
</configuration>
`,
	"log4j.properties": `log4j.rootLogger=INFO, OUT
log4j.appender.OUT=org.apache.log4j.ConsoleAppender
log4j.appender.OUT.layout=org.apache.log4j.PatternLayout
log4j.appender.OUT.layout.ConversionPattern=%d{ISO8601} %-5p [%t] %c{1} - %m%n
`,
}

// loggerFlags returns the JVM flags that point to the loggers' files in dir.
func loggerFlags(dir string) []string {
	return []string{
		"-Dlogback.configurationFile=" + filepath.Join(dir, "logback.xml"),
		"-Dlog4j.configuration=file:" + filepath.ToSlash(filepath.Join(dir, "log4j.properties")),
		"-Dzookeeper.jmx.log4j.disable=true",
		"-Dorg.slf4j.simpleLogger.logFile=System.out",
		"-Dorg.slf4j.simpleLogger.showDateTime=true",
		"-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss,SSS",
		"-Dorg.slf4j.simpleLogger.showShortLogName=true",
	}
}

const (
	// readyText is in the last line that a standalone server logs on its way up. Its request
	// processors run by then.
	readyText = "Using checkIntervalMs="
	// stateText comes before what a member of an ensemble is doing, such as "following - broadcast",
	// which is the state in which it serves clients.
	stateText    = "Peer state changed: "
	servingState = " - broadcast"
	// readOnlyText is logged by a member that has lost its quorum and starts to serve reads.
	readOnlyText = "Read-only server started"
	// bindText is in the exception of a server that found its port taken.
	bindText = "Address already in use"

	logLimit = 1 << 20
)

// serverLog is what a server has printed: the last megabyte or so of it. It is the process's standard
// output and standard error.
type serverLog struct {
	member bool  // of an ensemble
	news   *news // is told of every change of what follows the text

	mu      sync.Mutex
	text    []byte
	line    []byte // what has come of the line that is not yet whole
	serving bool   // clients, by what it says
	taken   bool   // it found a port taken
}

func newServerLog(member bool, n *news) *serverLog { return &serverLog{member: member, news: n} }

func (l *serverLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if over := len(l.text) - logLimit; over > 0 {
		l.text = append(l.text[:0], l.text[over+logLimit/4:]...) // a quarter at once: not on each line
	}
	l.line = append(l.line, p...)
	for {
		line, rest, whole := bytes.Cut(l.line, []byte("\n"))
		if !whole {
			break
		}
		if l.understand(string(line)) {
			l.news.tell()
		}
		l.line = rest
	}
	return len(p), nil
}

// understand tells whether a line says how far the server is.
func (l *serverLog) understand(line string) bool {
	_, state, isState := strings.Cut(line, stateText)
	switch {
	case l.member && isState:
		l.serving = strings.HasSuffix(strings.TrimSpace(state), servingState)
	case l.member && strings.Contains(line, readOnlyText), !l.member && strings.Contains(line, readyText):
		l.serving = true
	case strings.Contains(line, bindText):
		l.taken = true
	default:
		return false
	}
	return true
}

// progress returns what the log says of the server.
func (l *serverLog) progress() (serving, taken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.serving, l.taken
}

func (l *serverLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// tail returns the last lines, for an error message.
func (l *serverLog) tail(lines int) string {
	all := strings.Split(strings.TrimSpace(l.String()), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// failed makes the error for a server that did not come up, with the end of its log.
func (l *serverLog) failed(why error) error {
	return fmt.Errorf("realserver: the server does not serve: %w\n%s", why, l.tail(15))
}
