// Package pairs has the recipes of this project and those of other people's libraries meet on the same
// nodes: they exclude, wait for, count and see each other, or the run says where they do not.
//
//	err := pairs.Run(ctx, pairs.Kazoo, peer, "127.0.0.1:2181", "/pairs", os.Stdout)
//
// A peer is a program with the other library: it makes objects and calls their methods when it is told
// to, by lines on its standard input. What a pair has shown is printed as lines "name: result".
package pairs
