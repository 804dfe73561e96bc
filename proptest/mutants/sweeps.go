package main

// Bugs that recipes could have, each of which only one of the sweeps over every recipe
// finds: its name begins with that of the sweep.
var sweepMutants = []mutant{
	{"numbers-downgrade", "a writer who goes down to reading where there are no numbers left goes behind those who wait", "recipes/rwlock.go",
		"counter(h.path, l.write.q.tag); ok && numberless(seq)", "counter(h.path, l.write.q.tag); ok && seq < math.MinInt32/2 && seq > 0"},
	{"numbers-lease", "of the leases that have no numbers left only one counts", "recipes/semaphore.go",
		"m.counts = func(name string) bool { _, ok := counter(name, \"-lease-\"); return ok }", "m.counts = func(name string) bool { seq, ok := counter(name, \"-lease-\"); return ok && seq >= 0 }"},
}
