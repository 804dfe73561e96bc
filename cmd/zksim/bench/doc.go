// Bench measures the simulator and, side by side in the same run, a real ZooKeeper:
//
//	go run ./cmd/zksim/bench                      # everything, about ten minutes
//	go run ./cmd/zksim/bench -run 'pipelined|sync' -rounds 5
//	go run ./cmd/zksim/bench -scale 0.01 -time 100ms -warm 1s -rounds 1   # a quick try
//
// Each row says what was aimed at and whether it is met. "ratio" is how many times better the
// simulator is: more per second, or less time, memory or CPU. Rounds are interleaved, simulator,
// ZooKeeper, simulator, ...; values are the medians of the rounds and a ratio is the median of the
// ratios of the pairs, so that a machine that is slow for a while is slow for both.
//
// Load generator and server share the machine's cores, and on a small machine requests per second
// are bounded by both together. The CPU time of the server's process, from /proc, is what isolates
// the server; "busy" is the share of the machine's CPU time that went to programs that are not part
// of the run, and tells how far to trust a row. Where that is a lot, -calm 1m lets each scenario wait
// for better moments.
//
// With one request at a time the processors sleep between two requests, and who sends something to a
// sleeping one pays for waking it: on a virtual machine that is most of what either server spends. So
// these rows come twice, as the machine is and, where the system is Linux, with processors that are
// kept awake by a loop of the lowest priority.
//
// The simulator is zksim, built for the run, in a process of its own. ZooKeeper is the newest that
// package realserver finds, with the JVM's full compiler, its data in memory where the system has
// /dev/shm, and without syncing to disk; it gets some seconds of traffic first. Without one the
// simulator is measured alone. -sim and -real measure servers that run already.
//
// The rows after those of the servers are measured inside this process, on package memserver. Times
// are medians over batches of about 100 us, which other programs on the machine rarely interrupt.
// Two rows need the go command, as go run does: the simulator's process, which is built, and the
// heartbeats, which are TestHeartbeats of package memserver, because a bubble of virtual time needs a
// test.
//
// Thousands of connections need as many file descriptors, in this process and in the servers. Go
// programs and the JVM raise their limit to the hard one by themselves; see ulimit -Hn.
package main
