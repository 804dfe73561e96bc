// Command interop runs other people's ZooKeeper clients against a real ZooKeeper and against zksim, and
// compares what they saw, line by line:
//
//	go run ./cmd/zksim/interop                     # real ZooKeeper 3.9 and zksim
//	go run ./cmd/zksim/interop -client kazoo,c     # two clients only
//	go run ./cmd/zksim/interop -real -version 3.8 -v   # one server, its lines printed
//	go run ./cmd/zksim/interop -real -addr 127.0.0.1:2181  # real ZooKeeper and a server that runs
//
// Each client is a program in programs/, written against its library as that library's users write,
// that prints lines "name: result" in a fixed order. Results are normalized: zxids count from the begin
// of the program's part that they are in, times are only compared, ids are replaced by words, and what a
// server has in no order is sorted. So two servers that behave the same give the same lines.
//
// The program reaches the server through a small TCP proxy in this runner. A line that starts with @
// is an order to it; the program goes on when the answer is in its standard input. So connections are
// cut, and sessions end, at an exact point of the program, and nothing sleeps:
//
//	@cut              close all connections; new ones are served as before
//	@hold             close all connections; new ones have to wait
//	@release          end that wait
//	@expire 0x1234    close all connections and end the session on the server, so that the client comes
//	                  back to a session that is gone
//	@negotiated       what session timeout the server gave in the last handshake, in milliseconds
//
// The program is called with the proxy's address, the server's own (for a second client, which lives
// through the cuts), a path to work under, and "reaper" where the server looks for empty containers and
// old TTL nodes every 100 ms.
//
// More rows, from recipes-go to recipes-planted, have the recipes of this project meet those of others on
// the same nodes: see package pairs. What they print must be right, not only equal. A table at the end
// tells what has come of each pair of recipes, and how many of the checks were made after our session and after
// theirs had ended.
//
// The client libraries are installed on first use, into zksim/interop in the user's cache folder, by
// pip, npm and Maven. The recipes that come with ZooKeeper, in Java and C, are compiled from its source
// release, which Maven's repository has. A client whose tools are missing is named as skipped; with -strict
// that is a failure.
package main
