// Package gozk runs the tests of github.com/go-zookeeper/zk, as its authors
// wrote them, on a simulator and on real ZooKeeper. Where a test passes on the
// one it must pass on the other:
//
//	go test ./proptest/gozk -v
//
// Nothing of that module is here: its files are taken from the module cache, in
// the version of go.mod. Only the file that starts servers is replaced, by
// testdata/server_help_test.go.
package gozk
