package main

import "strings"

// provided are the libraries that a server needs and that the release's pom marks as provided, so that
// Maven does not follow them. Their versions are those of the release: its parent pom lists them.
var provided = []string{
	"ch.qos.logback:logback-classic",
	"com.fasterxml.jackson.core:jackson-databind",
	"commons-cli:commons-cli",
	"io.dropwizard.metrics:metrics-core",
	"org.eclipse.jetty:jetty-server",
	"org.eclipse.jetty:jetty-servlet",
	"org.xerial.snappy:snappy-java",
}

// exporter is what serves a release's metrics to Prometheus. That of 3.9.5 could not be had from Maven
// Central; this one works with it, since the names of the metrics are in the release.
var exporter = download{"the exporter for Prometheus", "exporter-3.9.4", `<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion>
<groupId>com.github.zksim</groupId><artifactId>exporter</artifactId><version>1</version><packaging>pom</packaging>
<dependencies><dependency>
<groupId>org.apache.zookeeper</groupId><artifactId>zookeeper-prometheus-metrics</artifactId><version>3.9.4</version>
<exclusions><exclusion>
<groupId>org.apache.zookeeper</groupId><artifactId>*</artifactId>
</exclusion></exclusions>
</dependency></dependencies>
</project>
`}

// pom is a Maven project that depends on a release, and on nothing else.
func pom(version string) string {
	var dependencies strings.Builder
	for _, library := range provided {
		group, name, _ := strings.Cut(library, ":")
		dependencies.WriteString("<dependency><groupId>" + group + "</groupId><artifactId>" + name +
			"</artifactId><scope>runtime</scope></dependency>\n")
	}
	return strings.NewReplacer("VERSION", version, "PROVIDED", dependencies.String()).Replace(pomText)
}

// The native TLS library is left out: it is optional, and larger than all the rest.
const pomText = `<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion>
<groupId>com.github.zksim</groupId><artifactId>install</artifactId><version>1</version><packaging>pom</packaging>
<dependencyManagement><dependencies><dependency>
<groupId>org.apache.zookeeper</groupId><artifactId>parent</artifactId><version>VERSION</version>
<type>pom</type><scope>import</scope>
</dependency></dependencies></dependencyManagement>
<dependencies>
<dependency>
<groupId>org.apache.zookeeper</groupId><artifactId>zookeeper</artifactId><version>VERSION</version>
<exclusions><exclusion>
<groupId>io.netty</groupId><artifactId>netty-tcnative-boringssl-static</artifactId>
</exclusion></exclusions>
</dependency>
PROVIDED</dependencies>
</project>
`
