// Package vitess runs the lock and the election of Vitess's topology service on
// ZooKeeper, unmodified, under the explorer:
//
//	cd proptest/foreign/vitess && go test
//
// README.md in the directory above tells what was found. The first run compiles
// some hundred packages, which takes minutes.
package vitess
