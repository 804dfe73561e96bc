// Package foreign runs locks and claims of other people's libraries, unmodified,
// under the explorer, and keeps what it finds as tests:
//
//	cd proptest/foreign && go test ./...
//
// README.md beside this file tells what was found. This is a module of its own, so
// that nobody who uses zksim has these libraries among his dependencies; the one in
// the directory vitess, which has hundreds of its own, is yet another.
package foreign
