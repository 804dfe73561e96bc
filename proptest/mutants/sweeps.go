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
	{"events-loss", "who is woken for nothing takes what he holds for lost", "recipes/hold.go",
		"case <-own:\n\t\t\tstale = true", "case <-own:\n\t\t\tstale = true\n\t\t\tif was := p.stat.Mzxid; s.look() == nil && s.connected() && p.read(ctx) == nil && p.stat.Mzxid == was {\n\t\t\t\th.gone(ErrNodeDeleted)\n\t\t\t\treturn\n\t\t\t}"},
	{"events-turn", "who is woken for nothing takes it that the one before him has gone", "recipes/queue.go",
		"if err := p.sleep(ctx, w); err != nil {\n\t\t\treturn err\n\t\t}", "if err := p.sleep(ctx, w); err != nil {\n\t\t\treturn err\n\t\t}\n\t\tselect {\n\t\tcase <-w.fired:\n\t\t\tif now, err := p.ahead(ctx); turns == p.s.turns && (err != nil || now == before) {\n\t\t\t\treturn err\n\t\t\t}\n\t\tdefault:\n\t\t}"},
}
