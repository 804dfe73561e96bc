package watchers

import "sync"

// work is what is to be read of a node.
type work uint8

const (
	workData work = 1 << iota
	workList
	workLoad // it is part of a load, and the cache is not in sync before it is done
	workAll  = workData | workList
)

// job is what is to be read of one node.
type job struct {
	path string
	work work
}

// dirt is what has to be read, the oldest first. Watches add to it from wherever
// they fire; it is not larger than the number of paths.
type dirt struct {
	mu    sync.Mutex
	todo  map[string]work
	order []string
	loads int // with workLoad
	wake  chan struct{}
}

func newDirt() *dirt { return &dirt{todo: make(map[string]work), wake: make(chan struct{}, 1)} }

func (d *dirt) add(path string, w work) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before, ok := d.todo[path]
	if !ok {
		d.order = append(d.order, path)
	}
	if w&^before&workLoad != 0 {
		d.loads++
	}
	d.todo[path] = before | w
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// maxPathBytes keeps a request far below what servers take.
const maxPathBytes = 128 << 10

// take takes up to n jobs out.
func (d *dirt) take(n int) (jobs []job) {
	d.mu.Lock()
	defer d.mu.Unlock()
	bytes := 0
	for len(jobs) < min(n, len(d.order)) && bytes < maxPathBytes {
		path := d.order[len(jobs)]
		j := job{path, d.todo[path]}
		jobs, bytes = append(jobs, j), bytes+len(path)
		delete(d.todo, path)
		if j.work&workLoad != 0 {
			d.loads--
		}
	}
	if d.order = d.order[len(jobs):]; len(d.order) == 0 {
		d.order = nil
	}
	return jobs
}

// load makes all there is part of a load.
func (d *dirt) load() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for path := range d.todo {
		d.todo[path] |= workLoad
	}
	d.loads = len(d.todo)
}

// loading tells whether there is any of a load left.
func (d *dirt) loading() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.loads > 0
}
