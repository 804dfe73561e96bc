package main

// Bugs that recipes could have, each of which only one of the sweeps over every recipe
// finds: its name begins with that of the sweep.
var sweepMutants = []mutant{
	{"numbers-downgrade", "a writer who goes down to reading where there are no numbers left goes behind those who wait", "recipes/rwlock.go",
		"counter(h.path, l.write.q.tag); ok && numberless(seq)", "counter(h.path, l.write.q.tag); ok && seq < math.MinInt32/2 && seq > 0"},
	{"numbers-lease", "of the leases that have no numbers left only one counts", "recipes/semaphore.go",
		"m.counts = func(name string) bool { _, ok := counter(name, \"-lease-\"); return ok }", "m.counts = func(name string) bool { seq, ok := counter(name, \"-lease-\"); return ok && seq >= 0 }"},
	{"foreign-lease", "a node of others with a name as long as a lease's counts as one", "recipes/semaphore.go",
		"len(name) == 32 && strings.Trim(name, \"0123456789abcdef\") == \"\"", "len(name) == 32"},
	{"foreign-member", "a node of others with a name as long as a member's opens the double barrier", "recipes/unique.go",
		"return len(name) == 32 && strings.Trim(name, \"0123456789abcdef\") == \"\"", "return len(name) == 32"},
	{"foreign-party", "items are divided among nodes of others, too", "recipes/partitioner.go",
		"if len(name) > 33 && name[32] == '-' {", "if len(name) > 33 {"},
	{"reaper-put", "the directory of a queue is made anew once, and no more", "recipes/store.go",
		"for {\n\t\t_, err := g.commit(ctx, ops...)\n\t\tif !errors.Is(err, zkapi.ErrNoNode) {", "for n := 0; ; n++ {\n\t\t_, err := g.commit(ctx, ops...)\n\t\tif !errors.Is(err, zkapi.ErrNoNode) || n > 0 {"},
	{"reaper-lease", "the directory of leases is made anew once, and no more", "recipes/claim.go",
		"case errors.Is(err, zkapi.ErrNoNode):\n\t\t\tif err := q.o.ensure(ctx, s, q.dir); err != nil {", "case errors.Is(err, zkapi.ErrNoNode):\n\t\t\tif t.turns -= 1 << 20; t.turns < -1<<20 {\n\t\t\t\treturn err\n\t\t\t}\n\t\t\tif err := q.o.ensure(ctx, s, q.dir); err != nil {"},
	{"events-lease", "who is woken for nothing takes it that there is a lease", "recipes/semaphore.go",
		"for {\n\t\tmax, changed, err := a.max(ctx)", "last, woken := -1, false\n\tfor {\n\t\tmax, changed, err := a.max(ctx)"},
}
