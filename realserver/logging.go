package realserver

import (
	"bytes"
	"fmt"
	"os"
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

// loggerFlags writes the loggers' files into dir and returns the JVM flags that point there.
func loggerFlags(dir string) ([]string, error) {
	for name, text := range loggerFiles {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return []string{
		"-Dlogback.configurationFile=" + filepath.Join(dir, "logback.xml"),
		"-Dlog4j.configuration=file:" + filepath.ToSlash(filepath.Join(dir, "log4j.properties")),
		"-Dzookeeper.jmx.log4j.disable=true",
		"-Dorg.slf4j.simpleLogger.logFile=System.out",
		"-Dorg.slf4j.simpleLogger.showDateTime=true",
		"-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss,SSS",
		"-Dorg.slf4j.simpleLogger.showShortLogName=true",
	}, nil
}

const (
	// readyText is in the last line that a standalone server logs on its way up. Its request
	// processors run by then.
	readyText = "Using checkIntervalMs="
	// bindText is in the exception of a server that found its port taken.
	bindText = "Address already in use"

	logLimit = 1 << 20
)

// serverLog is what a server has printed: the last megabyte or so of it. It is the process's standard
// output and standard error.
type serverLog struct {
	ready chan struct{} // closed when a line with readyText has come

	mu   sync.Mutex
	text []byte
	line []byte // what has come of the line that is not yet whole
	up   bool
}

func newServerLog() *serverLog { return &serverLog{ready: make(chan struct{})} }

func (l *serverLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if over := len(l.text) - logLimit; over > 0 {
		l.text = append(l.text[:0], l.text[over+logLimit/4:]...) // a quarter at once: not on each line
	}
	if l.up {
		return len(p), nil
	}
	l.line = append(l.line, p...)
	if end := bytes.LastIndexByte(l.line, '\n'); end >= 0 {
		if bytes.Contains(l.line[:end], []byte(readyText)) {
			l.up = true
			close(l.ready)
		}
		l.line = append(l.line[:0], l.line[end+1:]...)
	}
	return len(p), nil
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
	return fmt.Errorf("realserver: the server did not start: %w\n%s", why, l.tail(15))
}
